mod view;

use std::fmt::Write as _;

use clap::{Subcommand, ValueEnum};

use crate::domain::{Access, ClientId, IssuerName, Member, Slug, Subject, WorkspaceName};
use crate::service::{Administration, MemberChange, find_organisation};

use super::area::AreaOptions;
use super::confirmation::Confirmation;
use super::error::CommandError;
use super::options::{ChangeOptions, QueryOptions};
use super::output::{Row, note, records, table};
use view::{MemberView, WorkspaceView, view};

/// Manage workspaces of organisations, whose members get storage by access token
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  cloakroom workspace add-member acme/research --subject alice")]
pub(super) enum WorkspaceCommand {
    /// Create a workspace, with a new bucket or in a shared one
    #[command(after_help = "Examples:
  cloakroom workspace create acme/research
  cloakroom workspace create acme/archive --bucket acme-cold --prefix archive/

Prints where its storage is. A deleted workspace comes back where it was, without its members.")]
    Create(Create),
    /// List workspaces
    List(List),
    /// Show a workspace and its members, even if it is deleted
    Show(Named),
    /// Delete an empty workspace; its prefix stays reserved
    #[command(after_help = "Examples:
  cloakroom workspace delete acme/research
  cloakroom workspace delete acme/research --keep-objects   # find them again: workspace list --deleted")]
    Delete(Delete),
    /// Remove a deleted workspace for good; its name and its storage are never given out again
    #[command(after_help = "Example:
  cloakroom workspace purge acme/research

A deleted workspace can come back; a purged one cannot. Refuses while there are objects. Asks for
confirmation.")]
    Purge(Purge),
    /// Add a member, or change a member's access
    #[command(after_help = "Examples:
  cloakroom workspace add-member acme/research --subject alice
  cloakroom workspace add-member acme/research --subject bob --client-id notebook --access read
  cloakroom workspace add-member acme/ci --issuer github --subject 123456")]
    AddMember(AddMember),
    /// Remove a member; every gateway refuses them from the next call on
    RemoveMember(RemoveMember),
}

#[derive(clap::Args, Debug)]
pub(super) struct Create {
    /// Organisation and workspace, such as acme/research
    name: WorkspaceName,
    #[command(flatten)]
    area: AreaOptions,
    #[command(flatten)]
    options: ChangeOptions,
}

#[derive(clap::Args, Debug)]
pub(super) struct List {
    /// List only workspaces of this organisation
    #[arg(long)]
    org: Option<Slug>,
    /// Include deleted workspaces
    #[arg(long)]
    deleted: bool,
    #[command(flatten)]
    options: QueryOptions,
}

#[derive(clap::Args, Debug)]
pub(super) struct Named {
    /// Organisation and workspace, such as acme/research
    name: WorkspaceName,
    #[command(flatten)]
    options: QueryOptions,
}

#[derive(clap::Args, Debug)]
pub(super) struct Delete {
    /// Organisation and workspace, such as acme/research
    name: WorkspaceName,
    /// Delete it even if it holds objects, and leave them where they are
    #[arg(long)]
    keep_objects: bool,
    #[command(flatten)]
    options: ChangeOptions,
}

#[derive(clap::Args, Debug)]
pub(super) struct Purge {
    /// Organisation and workspace, such as acme/research
    name: WorkspaceName,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    options: ChangeOptions,
}

#[derive(clap::Args, Debug)]
pub(super) struct AddMember {
    /// Organisation and workspace, such as acme/research
    name: WorkspaceName,
    /// Name of the issuer of the member's tokens, as in `[issuers.<name>]` [default: `oauth.issuer`]
    #[arg(long, value_name = "NAME")]
    issuer: Option<IssuerName>,
    /// Member: the `sub` of the access token, or what `issuers.<name>.subject` makes
    #[arg(long, value_parser = Subject::parse)]
    subject: Subject,
    /// Only through this client [default: any]
    #[arg(long, value_parser = ClientId::parse)]
    client_id: Option<ClientId>,
    /// Access of the member
    #[arg(long, value_enum, default_value = "read-write")]
    access: MemberAccess,
    #[command(flatten)]
    options: ChangeOptions,
}

#[derive(clap::Args, Debug)]
pub(super) struct RemoveMember {
    /// Organisation and workspace, such as acme/research
    name: WorkspaceName,
    /// Name of the issuer of the member's tokens, as in `[issuers.<name>]` [default: `oauth.issuer`]
    #[arg(long, value_name = "NAME")]
    issuer: Option<IssuerName>,
    /// Member: the `sub` of the access token, or what `issuers.<name>.subject` makes
    #[arg(long, value_parser = Subject::parse)]
    subject: Subject,
    /// Only through this client [default: all]
    #[arg(long, value_parser = ClientId::parse)]
    client_id: Option<ClientId>,
    #[command(flatten)]
    options: ChangeOptions,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MemberAccess {
    Read,
    ReadWrite,
}

impl WorkspaceCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        match self {
            Self::Create(create) => create.run().await,
            Self::List(list) => list.run().await,
            Self::Show(named) => named.run().await,
            Self::Delete(delete) => delete.run().await,
            Self::Purge(purge) => purge.run().await,
            Self::AddMember(add) => add.run().await,
            Self::RemoveMember(remove) => remove.run().await,
        }
    }
}

impl Create {
    async fn run(self) -> Result<(), CommandError> {
        let administer = self.options.administer().await?;
        let made = administer
            .create_workspace(self.name, &self.area.new_area())
            .await?;
        self.area.warn(&self.options)?;
        note(&format!(
            "Created {}. Next: cloakroom workspace add-member {} --subject …",
            made.name, made.name
        ));
        let text = format!("{}\n", made.area);
        self.options.show(&WorkspaceView::new(&made, None), &text)
    }
}

impl List {
    async fn run(self) -> Result<(), CommandError> {
        let administration = self.options.administration().await?;
        if let Some(org) = &self.org {
            find_organisation(&administration, org).await?;
        }
        let mut all = administration.workspaces(self.org.as_ref()).await?;
        all.retain(|workspace| self.deleted || workspace.deleted_at.is_none());
        let views = all.iter().map(|found| WorkspaceView::new(found, None));
        let views: Vec<WorkspaceView> = views.collect();
        self.options.list(&views)
    }
}

impl Named {
    async fn run(self) -> Result<(), CommandError> {
        let administration = self.options.administration().await?;
        let view = view(&administration, &self.name).await?;
        let members = view.members.iter().flatten().map(MemberView::row);
        let members: Vec<[String; 4]> = members.collect();
        let members = table(MemberView::COLUMNS, &members);
        let workspace = records(WorkspaceView::COLUMNS, &[view.row()]);
        self.options.show(&view, &format!("{workspace}\n{members}"))
    }
}

impl Delete {
    async fn run(self) -> Result<(), CommandError> {
        let administer = self.options.administer().await?;
        let gone = administer
            .delete_workspace(&self.name, self.keep_objects)
            .await?;
        note(&format!(
            "Deleted {}. Its storage {} stays reserved.",
            gone.name, gone.area
        ));
        let view = view(administer.administration(), &self.name).await?;
        self.options.show(&view, "")
    }
}

impl Purge {
    async fn run(self) -> Result<(), CommandError> {
        self.confirmation.ask(&format!(
            "The name {} and its storage will never be given out again. Purge it?",
            self.name
        ))?;
        let administer = self.options.administer().await?;
        let gone = administer.purge_workspace(&self.name).await?;
        note(&format!(
            "Purged {}. Its name and its storage {} are never given out again.",
            gone.name, gone.area
        ));
        let view = WorkspaceView {
            state: "removed",
            ..WorkspaceView::new(&gone, None)
        };
        self.options.show(&view, "")
    }
}

impl AddMember {
    async fn run(self) -> Result<(), CommandError> {
        let administer = self.options.administer().await?;
        if let Some(issuer) = &self.issuer {
            let issuers = self.options.config()?.issuers;
            if issuers.iter().all(|known| known.rules.name != *issuer) {
                return Err(CommandError::failed(format!(
                    "--issuer: the configuration has no issuers.{issuer}"
                )));
            }
        }
        let member = Member {
            issuer: self.issuer,
            subject: self.subject,
            client_id: self.client_id,
            access: match self.access {
                MemberAccess::Read => Access::Read,
                MemberAccess::ReadWrite => Access::ReadWrite,
            },
        };
        let change = administer.set_member(&self.name, &member).await?;
        note(&added(&self.name, &member, change));
        let view = view(administer.administration(), &self.name).await?;
        self.options.show(&view, "")
    }
}

impl RemoveMember {
    async fn run(self) -> Result<(), CommandError> {
        let administer = self.options.administer().await?;
        let client_id = self.client_id.as_ref();
        administer
            .remove_member(&self.name, self.issuer.as_ref(), &self.subject, client_id)
            .await?;
        let claim = self.options.config()?.workspaces.membership_claim;
        let claim = claim.filter(|_| self.issuer.is_none());
        let claim = claim.map_or_else(String::new, |claim| {
            format!(" Tokens whose claim {claim} names the workspace still get access.")
        });
        let view = view(administer.administration(), &self.name).await?;
        let member = named(&self.subject, self.issuer.as_ref());
        note(&format!(
            "Removed {member}{} from {}.{}{claim}",
            through(client_id),
            self.name,
            remaining(&self.subject, self.issuer.as_ref(), &view)
        ));
        self.options.show(&view, "")
    }
}

/// What adding a member changed.
fn added(workspace: &WorkspaceName, member: &Member, change: MemberChange) -> String {
    let access = member.access.as_str();
    let subject = named(&member.subject, member.issuer.as_ref());
    let through = through(member.client_id.as_ref());
    match change {
        MemberChange::Added => format!("Added {subject}{through} to {workspace} ({access})."),
        MemberChange::Changed { from } => {
            let from = from.as_str();
            format!("Changed {subject}'s access{through} in {workspace} from {from} to {access}.")
        }
        MemberChange::Unchanged => {
            format!(
                "Nothing changed: {subject}{through} already has {access} access in {workspace}."
            )
        }
    }
}

/// The memberships that a member has left through other clients.
fn remaining(subject: &Subject, issuer: Option<&IssuerName>, view: &WorkspaceView) -> String {
    let named = named(subject, issuer);
    let issuer = issuer.map(IssuerName::as_str);
    let is_theirs = |member: &&MemberView| {
        member.subject == subject.as_str() && member.issuer.as_deref() == issuer
    };
    let members = view.members.iter().flatten().filter(is_theirs);
    members.fold(String::new(), |mut text, member| {
        let through = match &member.client_id {
            Some(client_id) => format!("the client {client_id}"),
            None => "any client".to_owned(),
        };
        let access = member.access;
        // Writing to a string does not fail.
        let _ = write!(
            text,
            " {named} still has {access} access through {through}."
        );
        text
    })
}

/// The member, with the issuer that names it if that is a named one.
fn named(subject: &Subject, issuer: Option<&IssuerName>) -> String {
    let issuer = issuer.map_or_else(String::new, |issuer| format!(" of issuers.{issuer}"));
    format!("{}{issuer}", subject.as_str())
}

fn through(client_id: Option<&ClientId>) -> String {
    client_id.map_or_else(String::new, |client_id| {
        format!(" (through the client {})", client_id.as_str())
    })
}
