//! The calls themselves, each from its request to its response.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::faults::fault::{Call, Fault};
use crate::http::request::{Incoming, Served};
use crate::livekit::{self, endpoints};
use crate::records::event::Event;
use crate::records::snapshot::Stream;
use crate::service::app::SLOT_RETRY;
use crate::service::lifecycle;
use crate::service::stream::{Generation, Live};
use crate::util::{timestamp, uuid};
use crate::v02::answers;
use crate::v02::error::ApiError;
use crate::v02::request;
use crate::v02::results_socket::{Connection, Manner};
use crate::v02::route_cookie;
use crate::v02::source;
use crate::v02::stream::Push;
use crate::vision::engine::Engine;
use crate::vision::engine::vlm::Question;

/// No message of a client is longer; the only one that counts holds a key.
const SOCKET_MESSAGE: usize = 64 * 1024;

/// Serves a call.
pub(crate) async fn dispatch(call: Call, incoming: Incoming) -> Result<Served, ApiError> {
    match call {
        Call::Create => create(incoming).await,
        Call::Keepalive => keepalive(&incoming),
        Call::Prompt => prompt(&incoming),
        Call::Delete => delete(&incoming),
        Call::Models => models(&incoming).await,
        Call::Health => Ok(Json(json!({"status": "ok"})).into()),
        Call::Feedback if incoming.id.is_empty() => feedback_list(&incoming),
        Call::Feedback => feedback(&incoming),
        Call::Clip => clip(&incoming).await,
        Call::Socket => socket(incoming).await,
        Call::Signal => Ok(endpoints::serve(incoming).await),
        // No path of v0.2 is one of these.
        Call::Get | Call::Chat | Call::Balance => Err(ApiError::not_found("not a call of v0.2")),
    }
}

async fn create(incoming: Incoming) -> Result<Served, ApiError> {
    let Incoming { app, fault, .. } = &incoming;
    let owner = incoming.key()?;
    let (plan, source) = request::create(&incoming.json()?, app.known_models())?;
    if !app.has_credits() {
        return Err(ApiError::no_credits());
    }
    let slot = app.reserve(&owner).ok_or_else(|| {
        let most = app.config.max_streams_per_key;
        let message = format!("this key has {most} streams already: end one first");
        ApiError::busy(message, SLOT_RETRY)
    })?;
    let taken = source::take(&source, fault.as_ref(), app).await?;
    let push = Arc::new(Push::new(plan, app.config.engine.grade()));
    let live = Arc::new(Live::new(
        uuid(),
        owner,
        Generation::Push(push.clone()),
        app.config.lease_ttl,
        app.stop.child_token(),
    ));
    let inlet = match taken.inlet {
        Some(inlet) => inlet,
        None => livekit::open(app, &live).await?,
    };
    let broken = inlet.broken();
    let (mode, codec) = (push.plan.sampling.mode(), taken.codec);
    app.config.control.register(
        &live,
        Stream {
            mode: Some(mode),
            model: push.plan.model.clone(),
            codec,
            prompts: vec![push.prompt()],
            ..Stream::new(live.id.clone(), live.created, source.kind())
        },
    );
    app.insert(&live, slot);
    app.tell(&Event::Created {
        stream: live.id.clone(),
        mode,
        codec,
        model: push.plan.model.clone(),
        prompt: push.prompt(),
    });
    app.tracker.spawn(lifecycle::run(
        inlet.run(live.clone(), app.clone()),
        broken,
        live.clone(),
        app.clone(),
    ));

    let mut body = json!({
        "stream_id": live.id,
        "lease": {"ttl_seconds": incoming.ttl()},
    });
    if let Some(sdp) = taken.answer {
        body["webrtc"] = json!({"type": "answer", "sdp": sdp});
    }
    if live.room.get().is_some() {
        let access = livekit::access_of(&incoming, &live);
        body["livekit"] = json!({"url": access.url, "token": access.token});
    }
    if !app.config.turn_servers.is_empty() {
        body["turn_servers"] = json!(app.config.turn_servers);
    }
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    route_by(&incoming, &push, &mut response);
    Ok(Served {
        response,
        stream_id: Some(live.id.clone()),
    })
}

fn keepalive(incoming: &Incoming) -> Result<Served, ApiError> {
    let owner = incoming.key()?;
    if !incoming.body.is_empty() {
        return Err(ApiError::invalid("the body", "must be empty"));
    }
    let app = &incoming.app;
    let (live, push) = app.find_alive(&incoming.id, Some(&owner), &incoming.parts.headers)?;
    let charge = app.charge(&live);
    if charge.as_ref().is_some_and(|charge| charge.left <= 0.0) {
        live.out_of_credits();
        return Err(ApiError::no_credits());
    }
    live.renew_lease(app.config.lease_ttl);
    app.config
        .control
        .stream(&live.id, |stream| stream.keepalives += 1);
    let mut body = json!({
        "status": "ok",
        "stream_id": live.id,
        "ttl_seconds": incoming.ttl(),
    });
    if let Some(charge) = charge {
        body["credits_remaining_cents"] = json!(charge.left);
        body["cost_cents"] = json!(charge.cents);
        body["seconds_charged"] = json!(charge.seconds);
    }
    if live.room.get().is_some() {
        body["livekit_token"] = json!(livekit::access_of(incoming, &live).token);
    }
    push.route.renew();
    let mut response = Json(body).into_response();
    route_by(incoming, &push, &mut response);
    Ok(response.into())
}

fn prompt(incoming: &Incoming) -> Result<Served, ApiError> {
    let owner = incoming.key()?;
    let prompt = request::prompt(&incoming.json()?)?;
    let app = &incoming.app;
    let (live, push) = app.find_alive(&incoming.id, Some(&owner), &incoming.parts.headers)?;
    push.set_prompt(prompt.clone());
    app.config
        .control
        .stream(&live.id, |stream| stream.prompts.push(prompt.clone()));
    app.tell(&Event::PromptChanged {
        stream: live.id.clone(),
        prompt: prompt.clone(),
    });
    let plan = &push.plan;
    Ok(Json(json!({
        "id": uuid(),
        "stream_id": live.id,
        "prompt": prompt,
        "backend": plan.backend,
        "model": plan.model,
        "output_schema_json": plan.schema,
        "created_at": push.created_text,
        "updated_at": timestamp(),
    }))
    .into())
}

fn delete(incoming: &Incoming) -> Result<Served, ApiError> {
    let owner = incoming.key()?;
    let (live, _) = incoming
        .app
        .find_alive(&incoming.id, Some(&owner), &incoming.parts.headers)?;
    let reason = crate::records::snapshot::EndReason::ClientRequested;
    if live.end(reason) {
        // Before the response: who has it finds the record of it.
        let ended = Some((Instant::now(), reason));
        let control = &incoming.app.config.control;
        control.stream(&live.id, |stream| stream.ended = ended);
    }
    Ok(Json(json!({"status": "ok"})).into())
}

async fn models(incoming: &Incoming) -> Result<Served, ApiError> {
    incoming.key()?;
    let config = &incoming.app.config;
    let models: Vec<Value> = config
        .engine
        .models(&config.models)
        .await
        .iter()
        .map(|model| {
            json!({
                "model": model.name,
                "ready": model.status.ready(),
                "status": model.status,
            })
        })
        .collect();
    let mut response = Json(models).into_response();
    // A gateway names a route in its first response, whatever was asked.
    if incoming.app.config.sticky && !route_cookie::present(&incoming.parts.headers) {
        set_cookie(&mut response, &route_cookie::any_cookie());
    }
    Ok(response.into())
}

fn feedback(incoming: &Incoming) -> Result<Served, ApiError> {
    let owner = incoming.key()?;
    let feedback = request::feedback(&incoming.json()?)?;
    let app = &incoming.app;
    let (live, _) = app.find(&incoming.id, Some(&owner), &incoming.parts.headers)?;
    app.add_feedback(
        &owner,
        json!({
            "id": uuid(),
            "stream_id": live.id,
            "rating": feedback.rating,
            "category": feedback.category,
            "feedback": feedback.feedback,
            "created_at": timestamp(),
        }),
    );
    app.tell(&Event::Feedback {
        stream: live.id.clone(),
        rating: feedback.rating,
        category: feedback.category,
    });
    Ok(Json(json!({"status": "ok"})).into())
}

fn feedback_list(incoming: &Incoming) -> Result<Served, ApiError> {
    let owner = incoming.key()?;
    Ok(Json(incoming.app.feedback_of(&owner)).into())
}

async fn clip(incoming: &Incoming) -> Result<Served, ApiError> {
    let owner = incoming.key()?;
    let app = &incoming.app;
    let call = request::clip(&incoming.json()?, app.known_models())?;
    let (sight, pictures) = app.clip(&call.result_id, &owner)?;
    if let Engine::Vlm(vlm) = &app.config.engine {
        let question = Question {
            prompt: &call.prompt,
            pictures,
            max_tokens: call.max_tokens,
            schema: call.schema.as_ref(),
        };
        let answer = vlm.answer(&call.model, question).await;
        let done = answer.done.map_err(|why| ApiError::upstream(&why))?;
        return Ok(Json(json!({
            "id": uuid(),
            "model": answer.model,
            "content": done.content,
            "finish_reason": done.finish_reason,
            "usage": done.body.get("usage"),
        }))
        .into());
    }
    let max_tokens = call.max_tokens.unwrap_or(usize::MAX);
    let text = match &call.schema {
        Some(_) => answers::text(&sight, call.schema.as_ref(), max_tokens),
        None => format!("{} (asked: {})", sight.text(), call.prompt),
    };
    let (content, finish_reason) = answers::finish(text, max_tokens);
    let (prompt_tokens, completion_tokens) =
        (answers::tokens(&call.prompt), answers::tokens(&content));
    Ok(Json(json!({
        "id": uuid(),
        "model": call.model,
        "content": content,
        "finish_reason": finish_reason,
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    }))
    .into())
}

async fn socket(incoming: Incoming) -> Result<Served, ApiError> {
    let Incoming {
        app,
        wire,
        mut parts,
        id,
        fault,
        ..
    } = incoming;
    // Whose stream it is, the first message tells.
    let (live, push) = app.find_alive(&id, None, &parts.headers)?;
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &())
        .await
        .map_err(|rejection| {
            ApiError::malformed(format!("a WebSocket handshake is expected: {rejection}"))
        })?;
    let manner = match fault {
        Some(Fault::RefuseKey) => Manner::RefuseKey,
        Some(Fault::Silent) => Manner::Silent,
        _ => Manner::Good,
    };
    push.route.renew();
    let cookie = push.route.set_cookie();
    let sticky = app.config.sticky;
    // Axum owns the task; the token makes the emulator wait for it.
    let token = app.tracker.token();
    let mut response =
        upgrade
            .max_message_size(SOCKET_MESSAGE)
            .on_upgrade(move |socket| async move {
                let connection = Connection {
                    socket,
                    wire,
                    live,
                    push,
                    app,
                    manner,
                };
                connection.serve().await;
                drop(token);
            });
    if sticky {
        set_cookie(&mut response, &cookie);
    }
    Ok(response.into())
}

fn route_by(incoming: &Incoming, push: &Push, response: &mut Response) {
    if incoming.app.config.sticky {
        set_cookie(response, &push.route.set_cookie());
    }
}

fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}
