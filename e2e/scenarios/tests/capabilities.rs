//! The table of capabilities in the documentation names rows that exist and run where it says.

use std::collections::BTreeMap;

use scenarios::rows;
use scenarios::shape::Shape;

const DOCUMENT: &str = "docs/capabilities.md";

/// The shapes that stand for a column, by its heading.
fn shapes_of(column: &str) -> &'static [Shape] {
    match column {
        "both filters" => &[Shape::Groups, Shape::Priorities],
        "both, headers not held" => &[Shape::NotHeld],
        "ai-gateway alone" => &[Shape::GatewayAlone, Shape::GatewayAloneNotHeld],
        "ai-provider alone" => &[Shape::ProviderAlone],
        other => panic!("{DOCUMENT}: no shape stands for the column {other:?}"),
    }
}

#[test]
fn every_cell_has_its_verdict_and_its_rows() {
    let document = std::fs::read_to_string(lab::paths::root().join(DOCUMENT)).unwrap();
    let rows: BTreeMap<String, &[Shape]> =
        rows::all().into_iter().map(|row| (row.name, row.shapes)).collect();
    let mut lines = document.lines().filter(|line| line.starts_with('|')).map(cells);
    let columns = lines.next().expect("a heading");
    lines.next().expect("the line under the heading");
    let mut checked = 0;
    for cells in lines {
        assert_eq!(cells.len(), columns.len(), "{cells:?}");
        for (column, cell) in columns.iter().zip(&cells).skip(1) {
            let place = format!("{} / {column}", cells[0]);
            let verdict = cell.split(':').next().unwrap_or_default();
            assert!(matches!(verdict, "yes" | "no" | "partly"), "{place}: {verdict:?}");
            let named: Vec<_> = cell.split('`').skip(1).step_by(2).collect();
            assert!(!named.is_empty(), "{place}: no row proves it");
            for name in named {
                let shapes = rows.get(name).unwrap_or_else(|| panic!("{place}: there is no row {name}"));
                let runs = shapes_of(column).iter().filter(|shape| shapes.contains(shape)).count();
                assert!(runs > 0, "{place}: {name} does not run there");
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "only {checked} cells were found: has the table moved?");
}

#[test]
fn names_are_unique() {
    let mut names: Vec<_> = rows::all().into_iter().map(|row| row.name).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all, "two rows of one name would be taken for one");
}

fn cells(line: &str) -> Vec<String> {
    line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}
