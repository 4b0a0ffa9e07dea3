//! The part of IAM that a broker of access keys needs: users, their inline policies, and their
//! access keys.

mod calls;
mod elements;
mod page;
mod parameters;

use std::sync::Arc;

use crate::embedded::storage::aws_query::{CallResult, Form, QueryError};
use crate::embedded::storage::identities::Users;

pub(super) async fn call(users: &Arc<Users>, action: &str, form: &Form) -> CallResult {
    match action {
        "CreateUser" => calls::create_user(users, form).await,
        "GetUser" => calls::get_user(users, form),
        "ListUsers" => calls::list_users(users, form),
        "DeleteUser" => calls::delete_user(users, form).await,
        "PutUserPolicy" => calls::put_user_policy(users, form).await,
        "GetUserPolicy" => calls::get_user_policy(users, form),
        "ListUserPolicies" => calls::list_user_policies(users, form),
        "DeleteUserPolicy" => calls::delete_user_policy(users, form).await,
        "CreateAccessKey" => calls::create_access_key(users, form).await,
        "ListAccessKeys" => calls::list_access_keys(users, form),
        "UpdateAccessKey" => calls::update_access_key(users, form).await,
        "DeleteAccessKey" => calls::delete_access_key(users, form).await,
        _ => Err(QueryError::bad_request(
            "InvalidAction",
            format!("{action} is not an action of IAM here."),
        )),
    }
}
