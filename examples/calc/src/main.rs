//! The prompt of calc: `cargo run -p martlet-calc`. Definitions, expressions, and these commands:
//!
//! ```text
//! :spawn EXPR      runs it on another thread, and says what it came to; :stop ends all loops
//! :versions NAME   what was made of a function, and what became of it
//! :delete NAME     forgets it          :stats     counts          :timeline FILE   writes the page
//! ```

use std::io::Write;
use std::sync::Arc;

use anyhow::Result;
use martlet_calc::World;
use martlet_engine::{Options, timeline};

fn main() -> Result<()> {
    let mut options = Options::default();
    options.events = 100_000;
    let world = World::new(options, 8)?;
    print!("> ");
    std::io::stdout().flush()?;
    for line in std::io::stdin().lines() {
        print!("{}\n> ", shown(answer(&world, line?.trim())));
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn answer(world: &Arc<World>, line: &str) -> Result<String> {
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    Ok(match command {
        "" => String::new(),
        ":spawn" => {
            let (world, expr) = (world.clone(), rest.to_owned());
            std::thread::spawn(move || println!("{expr}: {}", shown(answer(&world, &expr))));
            "running".to_owned()
        }
        ":stop" => {
            world.stop(true);
            std::thread::sleep(std::time::Duration::from_millis(20));
            world.stop(false);
            "stopped".to_owned()
        }
        ":versions" => {
            let events = world.engine().history(world.function(rest)?.id());
            events.iter().map(|it| format!("{it}\n")).collect()
        }
        ":delete" => world.delete(rest).map(|()| "deleted".to_owned())?,
        ":stats" => format!("{:#?}", world.engine().stats()),
        ":timeline" => {
            std::fs::write(rest, timeline(&world.engine().events()))?;
            format!("see {rest}")
        }
        _ => match world.run(line)? {
            Some(value) => value.to_string(),
            None => "defined".to_owned(),
        },
    })
}

fn shown(answer: Result<String>) -> String {
    answer.unwrap_or_else(|error| format!("error: {error}"))
}
