use clap::Subcommand;
use serde::Serialize;

use crate::adapters::aws::Engine;
use crate::domain::{BucketName, Organisation, Prefix, Slug};
use crate::service::{Administration as _, NewArea, find_organisation};

use super::administration::{Changing, Reading};
use super::outcome::{CommandError, complain};
use super::table::{records, table};
use super::view::{AreaView, utc};

/// What can be done with organisations.
#[derive(Debug, Subcommand)]
pub(super) enum OrgCommand {
    /// Add an organisation, with a bucket of its own or a share of one
    #[command(after_help = "Examples:
  cloakroom org create acme
  cloakroom org create beta --bucket prod-clients        # below beta/ in a shared bucket

Prints where its storage is. It is asked for by API key: cloakroom api-key create --org acme …")]
    Create(Create),
    /// All organisations
    List(List),
    /// One of them
    Show(Show),
    /// Give nothing of it out any more; keys that are out open until they expire
    Disable(Named),
    /// The opposite
    Enable(Named),
}

#[derive(clap::Args, Debug)]
pub(super) struct Create {
    /// Its name: a-z, 0-9 and -
    slug: Slug,
    #[command(flatten)]
    area: AreaOptions,
    #[command(flatten)]
    common: Changing,
}

/// Where an owner's storage is to be.
#[derive(clap::Args, Debug)]
pub(super) struct AreaOptions {
    /// In this bucket, which others may share; made when it is missing. By default one of its own
    #[arg(long)]
    bucket: Option<BucketName>,
    /// Below this prefix, which ends in /. By default the name
    #[arg(long)]
    prefix: Option<Prefix>,
}

#[derive(clap::Args, Debug)]
pub(super) struct List {
    #[command(flatten)]
    common: Reading,
}

#[derive(clap::Args, Debug)]
pub(super) struct Show {
    /// Its name
    slug: Slug,
    #[command(flatten)]
    common: Reading,
}

#[derive(clap::Args, Debug)]
pub(super) struct Named {
    /// Its name
    slug: Slug,
    #[command(flatten)]
    common: Changing,
}

const NAMES: [&str; 5] = ["ORGANISATION", "STATE", "BUCKET", "PREFIX", "CREATED"];

#[derive(Serialize)]
struct OrganisationView {
    slug: String,
    state: &'static str,
    #[serde(flatten)]
    area: AreaView,
    created_at: String,
}

impl OrgCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        match self {
            Self::Create(create) => create.run().await,
            Self::List(list) => list.run().await,
            Self::Show(show) => show.run().await,
            Self::Disable(named) => named.set_enabled(false).await,
            Self::Enable(named) => named.set_enabled(true).await,
        }
    }
}

impl Create {
    async fn run(self) -> Result<(), CommandError> {
        let administer = self.common.administer().await?;
        let made = administer
            .create_organisation(self.slug, &self.area.new_area())
            .await?;
        self.area.warn(&self.common)?;
        complain(&format!(
            "Created {}. Next: cloakroom api-key create --org {} --label …",
            made.slug, made.slug
        ));
        let text = format!("{}\n", made.area);
        self.common.show(&OrganisationView::from(&made), &text)
    }
}

impl AreaOptions {
    /// Some engines keep owners of one bucket less apart than others.
    pub(super) fn warn(&self, common: &Changing) -> Result<(), CommandError> {
        if self.bucket.is_some() && common.config()?.storage.engine == Engine::Minio {
            complain(
                &"MinIO lets owners who share a bucket list the names of each other's keys \
                  (docs/engines.md): give them buckets of their own if names are secret",
            );
        }
        Ok(())
    }

    pub(super) fn new_area(self: &AreaOptions) -> NewArea {
        NewArea {
            bucket: self.bucket.clone(),
            prefix: self.prefix.clone(),
        }
    }
}

impl List {
    async fn run(self) -> Result<(), CommandError> {
        let all = self.common.administration().await?.organisations().await?;
        let views: Vec<OrganisationView> = all.iter().map(OrganisationView::from).collect();
        let rows: Vec<[String; 5]> = views.iter().map(OrganisationView::row).collect();
        self.common.show(&views, &table(NAMES, &rows))
    }
}

impl Show {
    async fn run(self) -> Result<(), CommandError> {
        let administration = self.common.administration().await?;
        let found = find_organisation(&administration, &self.slug).await?;
        let view = OrganisationView::from(&found);
        self.common.show(&view, &records(NAMES, &[view.row()]))
    }
}

impl Named {
    async fn set_enabled(self, enabled: bool) -> Result<(), CommandError> {
        let administer = self.common.administer().await?;
        let changed = administer.set_enabled(&self.slug, enabled).await?;
        let slug = &self.slug;
        complain(&match (changed, enabled) {
            (true, true) => format!("Enabled {slug}."),
            (true, false) => format!(
                "Disabled {slug}. It gets no new credentials; those already issued work until they expire."
            ),
            (false, true) => format!("Nothing changed: {slug} is already enabled."),
            (false, false) => format!("Nothing changed: {slug} is already disabled."),
        });
        let found = find_organisation(administer.administration(), &self.slug).await?;
        self.common.show(&OrganisationView::from(&found), "")
    }
}

impl From<&Organisation> for OrganisationView {
    fn from(organisation: &Organisation) -> Self {
        Self {
            slug: organisation.slug.to_string(),
            state: if organisation.is_enabled {
                "enabled"
            } else {
                "disabled"
            },
            area: (&organisation.area).into(),
            created_at: utc(organisation.created_at),
        }
    }
}

impl OrganisationView {
    fn row(&self) -> [String; 5] {
        [
            self.slug.clone(),
            self.state.to_owned(),
            self.area.bucket.clone(),
            self.area.prefix.clone(),
            self.created_at.clone(),
        ]
    }
}
