DELETE FROM products;
INSERT INTO products (sku, title, department, brand, manufacturer_id, category, product_type, package_size, price_minor) VALUES
('25671', 'Ice - Crushed/Cubed, 22 lb', 'GROCERY', 'National', 2, 'FRZN ICE', 'ICE - CRUSHED/CUBED', '22 LB', 349),
('26081', 'Miscellaneous', 'MISCELLANEOUS', 'National', 2, NULL, NULL, NULL, NULL),
('1000001', 'Product 1000001', '', 'Private', 69, NULL, ' ', NULL, 1),
('1000002', 'Coffee, 8 oz', 'GROCERY', 'Private', 69, 'COFF', NULL, 'A B D  8 OZ', 0),
('1000003', 'Frozen Meat with Sweet Corn, 0.5 gal', 'MEAT', 'National', 1, 'MEAT', 'FRZN MEAT (BULK&PKG) W/ SWT CORN', '(A) .5 GAL', 1099),
('1000004', 'Chicken, 1..5 oz', 'MEAT', 'National', 1, 'MEAT', 'CHIX (FRSH', '1..5 OZ', 99),
('1000005', 'Men''s & Women''s S', 'DRUG GM', 'National', 1, 'SOCKS', 'MEN S & WOMEN S S', '12345', 5),
('1000006', 'Dvd''s: of the "USA", abcde 1 ct', 'DRUG GM', 'National', 1, 'TV', 'DVD S: OF  THE "USA"', 'ABCDE 1 CT', 5),
('1000007', 'Beer, Ale and Malt without Can: Domestic', 'GROCERY', 'O''Brien''s', 1, 'BEERS, ALES', 'BEERALEMALT W/O CAN:DOMESTIC -', 'CASE', 1250),
('1000008', '(Cut Off, 12 ct', 'GROCERY', 'National', 1, '(CUT OFF', NULL, 'ALL 12 CT', 200);
DELETE FROM departments;
INSERT INTO departments SELECT department, count(*) FROM products GROUP BY department;
