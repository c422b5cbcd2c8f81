//! Alertmanager, and the mail catcher that it writes to.

use anyhow::Result;

use super::super::plan::{ALERTMANAGER, MAIL_CATCHER};
use super::Doors;
use super::ahead::{Ahead, Site, Start, answers, at, url};
use crate::backing::{Port, write_secret};
use crate::provision::{self, Receivers};
use crate::supervise::Ready;
use crate::tools::Found;

impl Site<'_> {
    /// `gateway` tells in #ops what it says; mail goes to the catcher, where there
    /// is one.
    pub(super) fn alertmanager(
        self,
        found: Found,
        gateway: Port,
        mail: bool,
        doors: &Doors,
    ) -> Result<Ahead> {
        let port = doors.alertmanager;
        let folder = self.place.folder("alertmanager")?;
        let config = folder.join("alertmanager.yml");
        let receivers = Receivers {
            gateway: url(gateway),
            token: self.place.secrets().join(provision::ALERT_TOKEN),
            mail: mail.then(|| doors.smtp.address().to_string()),
            secrets: self.infra("alertmanager").join("secrets"),
            preset: self.preset,
        };
        let text = provision::alertmanager(&self.infra("alertmanager"), &receivers)?;
        write_secret(&config, &text)?;
        let start = Start {
            name: ALERTMANAGER,
            found,
            arguments: vec![
                format!("--config.file={}", config.display()),
                format!("--storage.path={}", folder.join("data").display()),
                format!("--web.listen-address={}", port.address()),
                // Alone: no gossip.
                "--cluster.listen-address=".to_owned(),
                "--log.level=warn".to_owned(),
            ],
            environment: Vec::new(),
            ready: answers(port, "/-/ready")?,
        };
        let targets = vec![(ALERTMANAGER, at(port))];
        Ok(self.ahead(start, url(port), vec![port], targets))
    }

    /// A mail server that keeps what it is given in a Maildir, and passes nothing on.
    pub(super) fn mail_catcher(self, found: Found, doors: &Doors) -> Result<Ahead> {
        let smtp = doors.smtp;
        // Not made here: it makes a Maildir only of what is not there yet.
        let mails = self.place.root().join("mail");
        let start = Start {
            name: MAIL_CATCHER,
            found,
            arguments: vec![
                // Stay who we are: the folder is ours.
                "--nosetuid".to_owned(),
                format!("--listen={}", smtp.address()),
                "--class=aiosmtpd.handlers.Mailbox".to_owned(),
                mails.display().to_string(),
            ],
            environment: Vec::new(),
            ready: Ready::Port(smtp.address()),
        };
        let address = format!("smtp://{} (kept in {})", smtp.address(), mails.display());
        Ok(self.ahead(start, address, vec![smtp], Vec::new()))
    }
}
