//! `tenantry completions` and `tenantry man`: what a shell and `man` need of this command line.

use std::{fs, io, path::PathBuf};

use anyhow::Context as _;
use clap::{Args as ClapArgs, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man as Page;

use crate::{args::Args, failure::Done, program, show};

#[derive(Debug, ClapArgs)]
pub(crate) struct Completions {
    /// The shell; for bash: `source <(tenantry completions bash)`
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Man {
    /// Directory to write to: tenantry.1, tenantry-submit.1, tenantry-api.1, …
    dir: Option<PathBuf>,
}

impl Completions {
    pub(crate) fn run(self) -> Done {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Args::command(), "tenantry", &mut script);
        show::raw(&String::from_utf8_lossy(&script));
        Done::Well
    }
}

impl Man {
    pub(crate) fn run(self) -> anyhow::Result<Done> {
        let Some(dir) = self.dir else {
            let mut page = Vec::new();
            Page::new(Args::command()).render(&mut page).context("could not make the page")?;
            show::raw(&String::from_utf8_lossy(&page));
            return Ok(Done::Well);
        };
        let written = || -> io::Result<()> {
            fs::create_dir_all(&dir)?;
            // A server's page takes the place of the page of its command: they have the same name.
            for program in [Args::command()].into_iter().chain(program::servers()) {
                clap_mangen::generate_to(program, &dir)?;
            }
            Ok(())
        };
        written().with_context(|| format!("could not write to {}", dir.display()))?;
        show::note(format!(
            "the pages are in {}: `man {}/tenantry.1`",
            dir.display(),
            dir.display()
        ));
        Ok(Done::Well)
    }
}
