//! What a run wrote to `MARTLET_STATS=file.json`, as far as it is asked here whether Martlet ran.

use std::path::Path;

/// How many functions the statistics name as compiled; 0 if there are none to read.
pub(crate) fn compiled(path: &Path) -> usize {
    let stats: serde_json::Value = std::fs::read_to_string(path)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    stats["compiled"].as_array().map_or(0, Vec::len)
}

#[cfg(test)]
mod tests {
    use super::compiled;

    #[test]
    fn names_are_counted_and_no_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stats.json");
        assert_eq!(compiled(&path), 0);
        std::fs::write(&path, r#"{"compiled": ["f", "C.m"], "relinks": 3}"#).unwrap();
        assert_eq!(compiled(&path), 2);
    }
}
