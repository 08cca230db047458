//! What became of each test, as test runners report it in JUnit's XML.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::process;

/// By the names of tests: `ok`, or what went wrong. A test that is reported several times has all of it.
pub(crate) type Results = BTreeMap<String, String>;

const READ: &str = "\
import json, sys
from xml.etree import ElementTree
results = {}
for case in ElementTree.parse(sys.argv[1]).iter('testcase'):
    kinds = [child.tag for child in case if child.tag in ('failure', 'error', 'skipped')]
    name = '::'.join(filter(None, (case.get('classname'), case.get('name'))))
    results[name] = ' '.join([results.get(name, ''), *(kinds or ['ok'])]).strip()
print(json.dumps(results))
";

/// What the report says; nothing if there is none.
pub(crate) fn read(python: &Path, report: &Path) -> Result<Results> {
    if !report.exists() {
        return Ok(Results::new());
    }
    let mut reader = Command::new(python);
    reader.args(["-I", "-c", READ]).arg(report);
    Ok(serde_json::from_str(&process::output(
        reader.env_remove("MARTLET"),
    )?)?)
}
