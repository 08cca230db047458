//! The prompt of calc: `cargo run -p martlet-calc`. Definitions, expressions, and these commands:
//!
//! ```text
//! :spawn EXPR      runs it on another thread, and says what it came to; :stop ends all loops
//! :versions NAME   what was made of a function, and what became of it
//! :delete NAME     forgets it          :stats     counts          :timeline FILE   writes the page
//! ```

use std::io::{BufRead, Write};
use std::sync::Arc;

use anyhow::Result;
use martlet_calc::{Answer, World};
use martlet_engine::{Options, timeline};

fn main() -> Result<()> {
    let mut options = Options::default();
    options.events = 100_000;
    let world = World::new(options, 8)?;
    let mut line = String::new();
    loop {
        print!("> ");
        // Whoever reads the prompt has gone, or there is nothing more to read.
        if std::io::stdout().flush().is_err()
            || !matches!(std::io::stdin().lock().read_line(&mut line), Ok(1..))
        {
            world.stop(true);
            return Ok(());
        }
        let text = line.trim();
        if !text.is_empty() {
            match answer(&world, text) {
                Ok(text) => println!("{text}"),
                Err(error) => println!("error: {error}"),
            }
        }
        line.clear();
    }
}

fn answer(world: &Arc<World>, line: &str) -> Result<String> {
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    Ok(match command {
        ":spawn" => {
            let (world, expr) = (world.clone(), rest.to_owned());
            std::thread::spawn(move || println!("{expr}: {}", shown(world.run(&expr))));
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
        ":timeline" => match std::fs::write(rest, timeline(&world.engine().events())) {
            Ok(()) => format!("see {rest}"),
            Err(error) => format!("{rest}: {error}"),
        },
        _ => shown(world.run(line)),
    })
}

fn shown(answer: Result<Answer>) -> String {
    match answer {
        Ok(Answer::Defined(name)) => format!("{name} is defined"),
        Ok(Answer::Value(value)) => value.to_string(),
        Err(error) => format!("error: {error}"),
    }
}
