use clap::Subcommand;
use serde::Serialize;

use crate::domain::{Organisation, Slug};
use crate::service::{Administration as _, GoesAlong, find_organisation};

use super::area::{AreaOptions, AreaView};
use super::confirmation::Confirmation;
use super::error::CommandError;
use super::options::{ChangeOptions, QueryOptions};
use super::output::{Row, note, utc};

/// Manage organisations, which get their storage by API key
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  cloakroom org create acme --config /etc/cloakroom.toml")]
pub(super) enum OrgCommand {
    /// Create an organisation, with a new bucket or in a shared one
    #[command(after_help = "Examples:
  cloakroom org create acme
  cloakroom org create beta --bucket prod-clients        # below beta/ in a shared bucket

Prints where its storage is. Credentials need an API key: cloakroom api-key create --org acme …")]
    Create(Create),
    /// List organisations
    List(QueryOptions),
    /// Show an organisation
    Show(Named<QueryOptions>),
    /// Stop issuing credentials to an organisation; those already issued work until they expire
    Disable(Named<ChangeOptions>),
    /// Issue credentials to an organisation again
    Enable(Named<ChangeOptions>),
    /// Delete an organisation for good; its name and its storage are never given out again
    #[command(after_help = "Examples:
  cloakroom org delete beta
  cloakroom org delete beta --with-workspaces --with-keys

Refuses while the organisation has anything, and says what. The bucket itself stays at the store.
Credentials already issued work until they expire; cloakroom revoke ends them. Asks for confirmation.")]
    Delete(Delete),
}

#[derive(clap::Args, Debug)]
pub(super) struct Create {
    /// Name of the organisation: a-z, 0-9 and -
    slug: Slug,
    #[command(flatten)]
    area: AreaOptions,
    #[command(flatten)]
    options: ChangeOptions,
}

#[derive(clap::Args, Debug)]
pub(super) struct Named<Options: clap::Args> {
    /// Name of the organisation
    slug: Slug,
    #[command(flatten)]
    options: Options,
}

#[derive(clap::Args, Debug)]
pub(super) struct Delete {
    /// Name of the organisation
    slug: Slug,
    /// Delete and purge its workspaces, too
    #[arg(long)]
    with_workspaces: bool,
    /// Revoke its API keys and delete its access keys, too
    #[arg(long)]
    with_keys: bool,
    /// Delete it even if it, or a workspace, holds objects, and leave them where no owner reaches them
    #[arg(long)]
    keep_objects: bool,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    options: ChangeOptions,
}

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
            Self::List(options) => list(&options).await,
            Self::Show(named) => named.show().await,
            Self::Disable(named) => named.set_enabled(false).await,
            Self::Enable(named) => named.set_enabled(true).await,
            Self::Delete(delete) => Box::pin(delete.run()).await,
        }
    }
}

impl Create {
    async fn run(self) -> Result<(), CommandError> {
        let administer = self.options.administer().await?;
        let made = administer
            .create_organisation(self.slug, &self.area.new_area())
            .await?;
        self.area.warn(&self.options)?;
        note(&format!(
            "Created {}. Next: cloakroom api-key create --org {} --label …",
            made.slug, made.slug
        ));
        let text = format!("{}\n", made.area);
        self.options.show(&OrganisationView::from(&made), &text)
    }
}

impl Named<QueryOptions> {
    async fn show(self) -> Result<(), CommandError> {
        let administration = self.options.administration().await?;
        let found = find_organisation(&administration, &self.slug).await?;
        self.options.record(&OrganisationView::from(&found))
    }
}

impl Named<ChangeOptions> {
    async fn set_enabled(self, enabled: bool) -> Result<(), CommandError> {
        let administer = self.options.administer().await?;
        let changed = administer.set_enabled(&self.slug, enabled).await?;
        let slug = &self.slug;
        note(&match (changed, enabled) {
            (true, true) => format!("Enabled {slug}."),
            (true, false) => format!(
                "Disabled {slug}. It gets no new credentials; those already issued work until they expire."
            ),
            (false, true) => format!("Nothing changed: {slug} is already enabled."),
            (false, false) => format!("Nothing changed: {slug} is already disabled."),
        });
        let found = find_organisation(administer.administration(), &self.slug).await?;
        self.options.show(&OrganisationView::from(&found), "")
    }
}

impl Delete {
    async fn run(self) -> Result<(), CommandError> {
        self.confirmation.ask(&format!(
            "The name {} and its storage will never be given out again. Delete it?",
            self.slug
        ))?;
        let administer = self.options.administer().await?;
        let along = GoesAlong {
            workspaces: self.with_workspaces,
            keys: self.with_keys,
            objects: self.keep_objects,
        };
        let gone = administer.delete_organisation(&self.slug, along).await?;
        note(&format!(
            "Deleted {}. Its name and its storage {} are never given out again.",
            gone.slug, gone.area
        ));
        let view = OrganisationView {
            state: "removed",
            ..OrganisationView::from(&gone)
        };
        self.options.show(&view, "")
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

impl Row<5> for OrganisationView {
    const COLUMNS: [&str; 5] = ["ORGANISATION", "STATE", "BUCKET", "PREFIX", "CREATED"];

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

async fn list(options: &QueryOptions) -> Result<(), CommandError> {
    let all = options.administration().await?.organisations().await?;
    let views: Vec<OrganisationView> = all.iter().map(OrganisationView::from).collect();
    options.list(&views)
}
