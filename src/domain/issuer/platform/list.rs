//! The list. Issuers that name the tenant in their address are not on it: those of `CircleCI`,
//! Bitbucket, Azure `DevOps`, Auth0, Firebase and others.

use super::{Platform, Tenant};

const PEOPLE: &[Tenant] = &[whole("sub")];

const fn whole(claim: &'static str) -> Tenant {
    Tenant {
        claim,
        before: None,
    }
}

const fn parts(claim: &'static str, before: &'static str) -> Tenant {
    Tenant {
        claim,
        before: Some(before),
    }
}

/// A platform whose tokens are people's.
const fn of_people(name: &'static str, issuer: &'static str) -> Platform {
    Platform {
        name,
        issuer,
        tenants: PEOPLE,
    }
}

pub(super) const PLATFORMS: [Platform; 36] = [
    Platform {
        name: "GitHub Actions",
        issuer: "https://token.actions.githubusercontent.com",
        tenants: &[
            whole("repository_owner_id"),
            whole("repository_id"),
            parts("repository", ""),
            whole("repository_owner"),
            parts("sub", "repo:"),
            parts("workflow_ref", ""),
            whole("enterprise_id"),
            whole("enterprise"),
        ],
    },
    Platform {
        name: "GitLab.com",
        issuer: "https://gitlab.com",
        tenants: &[
            whole("project_id"),
            whole("namespace_id"),
            parts("project_path", ""),
            parts("namespace_path", ""),
            parts("sub", "project_path:"),
        ],
    },
    Platform {
        name: "Google",
        issuer: "https://accounts.google.com",
        tenants: &[whole("sub"), whole("hd")],
    },
    Platform {
        name: "Microsoft's personal accounts",
        issuer: "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
        tenants: &[whole("sub"), whole("oid")],
    },
    Platform {
        name: "Slack",
        issuer: "https://slack.com",
        tenants: &[whole("sub"), whole("https://slack.com/team_id")],
    },
    Platform {
        name: "Salesforce",
        issuer: "https://login.salesforce.com",
        tenants: &[whole("sub"), whole("organization_id")],
    },
    Platform {
        name: "HCP Terraform",
        issuer: "https://app.terraform.io",
        tenants: &[
            whole("terraform_organization_id"),
            whole("terraform_project_id"),
            whole("terraform_workspace_id"),
            whole("terraform_organization_name"),
            parts("sub", "organization:"),
        ],
    },
    Platform {
        name: "Buildkite",
        issuer: "https://agent.buildkite.com",
        tenants: &[
            whole("organization_id"),
            whole("pipeline_id"),
            whole("organization_slug"),
            parts("sub", "organization:"),
        ],
    },
    Platform {
        name: "Vercel",
        issuer: "https://oidc.vercel.com",
        tenants: &[
            whole("owner_id"),
            whole("project_id"),
            whole("owner"),
            parts("sub", "owner:"),
        ],
    },
    Platform {
        name: "Codefresh",
        issuer: "https://oidc.codefresh.io",
        tenants: &[whole("account_id"), whole("sub")],
    },
    Platform {
        name: "Salesforce's sandboxes",
        issuer: "https://test.salesforce.com",
        tenants: &[whole("sub"), whole("organization_id")],
    },
    Platform {
        name: "Pulumi Cloud",
        issuer: "https://api.pulumi.com/oidc",
        tenants: &[
            whole("org"),
            parts("sub", "pulumi:deploy:org:"),
            parts("sub", "pulumi:environments:org:"),
        ],
    },
    Platform {
        name: "Modal",
        issuer: "https://oidc.modal.com",
        tenants: &[
            whole("workspace_id"),
            whole("workspace_name"),
            parts("sub", "modal:workspace_id:"),
        ],
    },
    Platform {
        name: "ActiveState",
        issuer: "https://platform.activestate.com/api/v1/oauth/oidc",
        tenants: &[
            whole("organization_id"),
            whole("organization"),
            parts("sub", "org:"),
        ],
    },
    of_people("Apple", "https://appleid.apple.com"),
    of_people("CILogon", "https://cilogon.org"),
    of_people("Codeberg", "https://codeberg.org"),
    of_people("Discord", "https://discord.com"),
    of_people("Dropbox", "https://www.dropbox.com"),
    of_people("Facebook", "https://www.facebook.com"),
    of_people("Gitea.com", "https://gitea.com"),
    of_people("Globus", "https://auth.globus.org"),
    of_people("Hugging Face", "https://huggingface.co"),
    of_people("ID.me", "https://api.id.me/oidc"),
    of_people("Intuit", "https://oauth.platform.intuit.com/op/v1"),
    of_people("JumpCloud", "https://oauth.id.jumpcloud.com"),
    of_people("Kakao", "https://kauth.kakao.com"),
    of_people("LINE", "https://access.line.me"),
    of_people("LinkedIn", "https://www.linkedin.com/oauth"),
    of_people("Login.gov", "https://secure.login.gov"),
    of_people("ORCID", "https://orcid.org"),
    of_people("Sigstore", "https://oauth2.sigstore.dev/auth"),
    of_people("Spotify", "https://accounts.spotify.com"),
    of_people("Twitch", "https://id.twitch.tv/oauth2"),
    of_people("Yahoo", "https://api.login.yahoo.com"),
    of_people("Yahoo! JAPAN", "https://auth.login.yahoo.co.jp/yconnect/v2"),
];
