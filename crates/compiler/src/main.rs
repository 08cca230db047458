//! The compiler as a process of its own. The extension starts it, with a socket to listen on and with the number of
//! milliseconds without work after which it ends.

use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let idle = std::env::args().nth(1).and_then(|it| it.parse().ok());
    let Some(idle) = idle.map(Duration::from_millis) else {
        eprintln!(
            "martlet_compiler: started by Martlet where MARTLET_BESIDE=1 says so, not by hand"
        );
        return ExitCode::from(2);
    };
    match martlet_compiler::serve(idle) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("martlet_compiler: {error}");
            ExitCode::FAILURE
        }
    }
}
