use std::fs;

use crate::tool::{root, run};

const COMMANDS: [&str; 14] = [
    "info",
    "list",
    "compare",
    "stat",
    "cat",
    "extract",
    "registry",
    "registry-diff",
    "timeline",
    "usnjrnl",
    "usnjrnl_timeline",
    "eventlog",
    "completions",
    "man",
];

#[test]
fn help_names_every_command_and_the_snapshot_syntax() {
    let help = run(["--help"]).code(0);
    for command in COMMANDS {
        assert!(help.text().contains(&format!("\n  {command} ")), "{command}");
    }
    assert!(help.text().contains("image.qcow2#2"));
    assert!(run(["help", "compare"]).code(0).text().contains("--exit-code"));
    run::<&str>([]).code(2);
    assert!(run(["--version"]).code(0).text().starts_with("vminspect "));
}

#[test]
fn commands_that_do_not_exist_yet_are_not_offered() {
    for command in ["vtscan", "vulnscan", "lis"] {
        let refused = run([command, "x"]).code(2);
        assert!(refused.err.contains("unrecognized subcommand"), "{}", refused.err);
    }
}

#[test]
fn completions_and_manual_pages_are_written() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(run(["completions", shell]).code(0).text().contains("compare"));
    }
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("man");
    run(["man".as_ref(), directory.as_os_str()]).code(0);
    for page in ["vminspect.1", "vminspect-compare.1", "vminspect-extract.1"] {
        assert!(fs::read_to_string(directory.join(page)).unwrap().contains(".TH"), "{page}");
    }
}

/// The table of commands as the README has it, from the program's own help.
fn command_table() -> String {
    let help = run(["-h"]).code(0);
    let mut table = "| command | what it does |\n| --- | --- |\n".to_owned();
    let lines = help.text().lines().skip_while(|line| *line != "Commands:").skip(1);
    let mut rows: Vec<(&str, String)> = Vec::new();
    for line in lines.take_while(|line| line.starts_with("  ")) {
        match (line.starts_with("   "), rows.last_mut()) {
            (true, Some((_, about))) => about.push_str(&format!(" {}", line.trim())),
            _ => {
                let (name, about) = line.trim().split_once(' ').expect("a command and what it does");
                rows.push((name, about.trim().to_owned()));
            }
        }
    }
    for (name, about) in rows.iter().filter(|(name, _)| *name != "help") {
        table.push_str(&format!("| `{name}` | {about} |\n"));
    }
    table
}

#[test]
fn the_readme_lists_the_same_commands() {
    let path = root().join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (head, rest) =
        readme.split_once("<!-- commands -->\n").expect("the README marks its list of commands");
    let (table, tail) = rest.split_once("<!-- /commands -->").expect("the README ends its list of commands");
    let expected = command_table();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, format!("{head}<!-- commands -->\n{expected}<!-- /commands -->{tail}")).unwrap();
    } else {
        assert_eq!(table, expected, "run again with UPDATE_GOLDEN=1");
    }
}
