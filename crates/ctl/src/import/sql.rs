//! The SQL that fills the catalog. Its bytes are pinned: by them the rows are the same wherever they are imported.

use super::catalog::Product;

const COLUMNS: &str =
    "sku, title, department, brand, manufacturer_id, category, product_type, package_size, price_minor";
/// D1 refuses a statement over 100 KB; 300 rows take at most 45.
const INSERT_ROWS_MAX: usize = 300;

/// All statements, without a line's end behind the last one.
pub fn of(products: &[Product]) -> String {
    let mut sql = String::from("DELETE FROM products;\n");
    for rows in products.chunks(INSERT_ROWS_MAX) {
        let rows: Vec<String> = rows.iter().map(row).collect();
        sql += &format!("INSERT INTO products ({COLUMNS}) VALUES\n{};\n", rows.join(",\n"));
    }
    sql += "DELETE FROM departments;\n";
    sql += "INSERT INTO departments SELECT department, count(*) FROM products GROUP BY department;";
    sql
}

fn row(product: &Product) -> String {
    let Product { title, source } = product;
    let some = |text: &str| if text.is_empty() { "NULL".to_owned() } else { literal(text) };
    let price = source.price_cents.map_or("NULL".to_owned(), |price| price.to_string());
    format!(
        "({}, {}, {}, {}, {}, {}, {}, {}, {price})",
        literal(&source.product_id),
        literal(title),
        literal(&source.department),
        literal(&source.brand),
        source.manufacturer_id,
        some(&source.product_category),
        some(&source.product_type),
        some(&source.package_size),
    )
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sha2::{Digest as _, Sha256};

    use super::super::catalog::{self, tests::hard};
    use super::*;

    #[test]
    fn hard_rows_become_these_statements() {
        assert_eq!(format!("{}\n", of(&hard())), include_str!("hard/products.sql"));
    }

    /// The bytes that have been imported ever since there is a catalog.
    #[test]
    fn the_whole_catalog_becomes_the_bytes_it_always_became() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(catalog::FILE);
        let products = catalog::products(&file).expect("the catalog");
        assert_eq!(products.len(), 92_331);
        let digest = Sha256::digest(format!("{}\n", of(&products)));
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "037642b1d559d2d8636df8c66a421c5a108f2a6423099be4f511f7d30b516e17");
    }

    #[test]
    fn a_statement_is_as_small_as_the_database_wants_it() {
        let rows: Vec<Product> = (0..40).flat_map(|_| hard()).collect();
        assert!(rows.len() > INSERT_ROWS_MAX);
        let sql = of(&rows);
        assert_eq!(sql.matches("INSERT INTO products").count(), rows.len().div_ceil(INSERT_ROWS_MAX));
        assert!(sql.split(";\n").all(|statement| statement.len() < 100_000));
    }
}
