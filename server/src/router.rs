//! All routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::app::App;
use crate::controllers::{accounts, deployments, files, functions, health, tasks, webhooks};
use crate::openapi;

/// The document, for tests and for `mecapy-server openapi`.
pub fn document() -> serde_json::Value {
    openapi::complete(routes().split_for_parts().1)
}

fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::Base::openapi())
        .routes(routes!(functions::list::list, functions::deploy::deploy))
        .routes(routes!(
            functions::show::show,
            functions::show::change,
            functions::retire::function
        ))
        .routes(routes!(functions::execute::execute))
        .routes(routes!(functions::batch::batch))
        .routes(routes!(functions::versions::list))
        .routes(routes!(functions::versions::show, functions::retire::version))
        .routes(routes!(functions::versions::source))
        .routes(routes!(deployments::list))
        .routes(routes!(deployments::show))
        .routes(routes!(deployments::events))
        .routes(routes!(tasks::list::list, tasks::create::create))
        .routes(routes!(tasks::show::show))
        .routes(routes!(tasks::show::status))
        .routes(routes!(tasks::output::results))
        .routes(routes!(tasks::output::logs))
        .routes(routes!(tasks::output::files))
        .routes(routes!(tasks::events::events))
        .routes(routes!(tasks::create::execute))
        .routes(routes!(tasks::create::retry))
        .routes(routes!(tasks::control::cancel))
        .routes(routes!(files::list::list, files::upload::upload))
        .routes(routes!(files::upload::upload_signed))
        .routes(routes!(files::content::download))
        .routes(routes!(accounts::tenant::me))
        .routes(routes!(accounts::tenant::show))
        .routes(routes!(accounts::tenant::set_quotas))
        .routes(routes!(accounts::tenant::audit_log))
        .routes(routes!(accounts::crud::list, accounts::crud::create))
        .routes(routes!(accounts::crud::show, accounts::crud::update, accounts::crud::delete))
        .routes(routes!(accounts::tokens::list, accounts::tokens::create))
        .routes(routes!(accounts::tokens::revoke))
        .routes(routes!(webhooks::list))
        .routes(routes!(webhooks::redeliver))
        .routes(routes!(webhooks::secret, webhooks::replace_secret))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        // Keys have slashes, for which OpenAPI has no word: the document says `{key}`.
        .merge(keys())
}

/// Routes whose last part is a file's key.
fn keys() -> OpenApiRouter<Arc<App>> {
    let mut documented = OpenApiRouter::<Arc<App>>::with_openapi(openapi::Base::openapi())
        .routes(routes!(files::list::show, files::list::delete))
        .routes(routes!(tasks::output::file))
        .split_for_parts()
        .1;
    let router = OpenApiRouter::new()
        .route("/api/files/{*key}", get(files::list::show).delete(files::list::delete))
        .route("/api/tasks/{id}/files/{*key}", get(tasks::output::file));
    let mut router = router;
    std::mem::swap(router.get_openapi_mut(), &mut documented);
    router
}

pub fn router(app: Arc<App>) -> Router {
    let (router, api) = routes().split_for_parts();
    let document = Arc::new(openapi::complete(api));
    let router = router
        .route("/api/openapi.json", get(move || async move { axum::Json((*document).clone()) }))
        .route("/", get(|| async { Redirect::temporary("/api/docs/").into_response() }))
        .merge(SwaggerUi::new("/api/docs").config(Config::from("/api/openapi.json")))
        // Bodies are bounded where they are read.
        .layer(DefaultBodyLimit::disable())
        .layer(axum::middleware::from_fn_with_state(app.clone(), crate::http::with_room))
        .with_state(app);
    crate::http::wrap(router)
}
