//! The corpora that need no file: JSON records, and random words.

use std::fmt::Write as _;

use crate::Random;

const NAMES: [&str; 24] = [
    "Amara",
    "Björn",
    "Chiara",
    "Dmitri",
    "Elif",
    "Farid",
    "Grace",
    "Hiroshi",
    "Ingrid",
    "João",
    "Katarzyna",
    "Liam",
    "Mei",
    "Noor",
    "Olga",
    "Priya",
    "Quentin",
    "Rosa",
    "Søren",
    "Tariq",
    "Uma",
    "Viktor",
    "Wanjiru",
    "Zoë",
];
const NOUNS: [&str; 28] = [
    "invoice",
    "shipment",
    "sensor",
    "account",
    "contract",
    "session",
    "battery",
    "warehouse",
    "gateway",
    "customer",
    "deployment",
    "keyboard",
    "measurement",
    "notification",
    "container",
    "pipeline",
    "certificate",
    "subscription",
    "cluster",
    "receipt",
    "schedule",
    "turbine",
    "antenna",
    "library",
    "passenger",
    "reservation",
    "calibration",
    "repository",
];
const STATES: [&str; 8] =
    ["active", "pending", "failed", "archived", "in_review", "retrying", "cancelled", "delivered"];
const VERBS: [&str; 12] = [
    "checked",
    "replaced",
    "delayed",
    "approved",
    "returned",
    "measured",
    "inspected",
    "renewed",
    "moved to",
    "lost by",
    "signed for",
    "reported to",
];

/// An indented array of records, as an API would answer: at least `size` bytes less one record, at most `size`, always complete.
pub(crate) fn json(size: usize) -> String {
    let mut random = Random::new(2);
    let mut text = String::from("[\n");
    let mut id = 0;
    loop {
        id += 1;
        let record = record(id, &mut random);
        // The separator before it and the array's end after it.
        if text.len() + record.len() + 6 > size {
            text.push_str("\n]\n");
            return text;
        }
        if id > 1 {
            text.push_str(",\n");
        }
        text.push_str(&record);
    }
}

fn record(id: u32, random: &mut Random) -> String {
    let mut text = String::new();
    let of =
        |list: &'static [&'static str], random: &mut Random| list[random.below(list.len() as u64) as usize];
    let name = of(&NAMES, random);
    let noun = of(&NOUNS, random);
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "  {{\n    \"id\": {id},\n    \"uuid\": \"{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}\",",
        random.below(1 << 32),
        random.below(1 << 16),
        random.below(1 << 12),
        random.below(1 << 12),
        random.below(1 << 48),
    );
    let _ = writeln!(
        text,
        "    \"owner\": {{\"name\": \"{name}\", \"email\": \"{noun}{}@example.com\", \"verified\": {}}},",
        random.below(1000),
        random.below(3) > 0,
    );
    let _ = writeln!(
        text,
        "    \"created_at\": \"20{:02}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z\",",
        10 + random.below(17),
        1 + random.below(12),
        1 + random.below(28),
        random.below(24),
        random.below(60),
        random.below(60),
        random.below(1000),
    );
    let _ = writeln!(
        text,
        "    \"{noun}_status\": \"{}\",\n    \"amount\": {}.{:02},\n    \"ratio\": {:.6},",
        of(&STATES, random),
        random.below(100_000),
        random.below(100),
        random.below(1_000_000) as f64 / 1e6,
    );
    let tags: Vec<String> =
        (0..random.below(4)).map(|_| format!("\"{}-{}\"", of(&NOUNS, random), of(&STATES, random))).collect();
    let _ = writeln!(text, "    \"tags\": [{}],", tags.join(", "));
    let _ = write!(
        text,
        "    \"note\": \"The {} was {} {}\\nwith \\\"{} {}\\\" on line {}.\",\n    \"parent\": {}\n  }}",
        noun,
        of(&VERBS, random),
        of(&NAMES, random),
        of(&STATES, random),
        of(&NOUNS, random),
        random.below(10_000),
        if random.below(2) == 0 { "null".to_owned() } else { random.below(1 << 20).to_string() },
    );
    text
}

/// Random words of 6 to 14 letters with a space between two, at most `size` bytes.
pub(crate) fn words(size: usize) -> String {
    let mut random = Random::new(3);
    let mut text = String::with_capacity(size);
    loop {
        let letters = 6 + random.below(9) as usize;
        if text.len() + letters + 1 > size {
            return text;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.extend(std::iter::repeat_with(|| random.letter()).take(letters));
    }
}
