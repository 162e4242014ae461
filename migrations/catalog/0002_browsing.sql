-- To browse by department: one row of the index is read for each product shown, in place of all products.
-- It costs a second row written for each product imported.
CREATE INDEX products_by_department ON products (department, sku);

-- The departments and how many products each has, counted when the catalog is imported.
CREATE TABLE departments (
    name TEXT PRIMARY KEY NOT NULL,
    products INTEGER NOT NULL
) WITHOUT ROWID;
