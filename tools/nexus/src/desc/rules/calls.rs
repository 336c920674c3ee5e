//! Calls: who waits for whom. Nobody waits for ever, and nobody keeps a server from running.

use crate::desc::diagnostic::Diagnostic;
use crate::desc::kind::Kind;
use crate::desc::model::{Service, System};
use crate::desc::report::Reporter;
use crate::desc::source::{At, Span};
use crate::desc::suggest;

pub(super) fn check(system: &System, reporter: &Reporter) {
    for service in &system.services {
        for callee in &service.talks_to {
            check_call(system, service, callee, reporter);
        }
    }
    check_cycles(system, reporter);
}

fn check_call(system: &System, client: &Service, callee: &At<String>, reporter: &Reporter) {
    let (from, to) = (&client.name.value, &callee.value);
    let Some(server) = system.service(callee) else {
        if system.was_removed(callee) {
            let message = format!("{from} calls {to}, which this system removes");
            let fix = match client.by_kernel {
                true => {
                    format!("keep {to}, or replace services/{from}.toml by one without the call")
                }
                false => format!("remove {from} as well, or replace services/{from}.toml"),
            };
            reporter.add(Diagnostic::at(Kind::RemovedService, &callee.span, message, fix));
        } else if !system.may_have_service(callee) {
            let message = format!("there is no service `{to}`");
            let fix = suggest::instead(callee, "services", &system.service_names());
            reporter.add(Diagnostic::at(Kind::UnknownService, &callee.span, message, fix));
        }
        return;
    };
    if !server.serves && system.is_whole(to) {
        let message = format!("{from} calls {to}, which has no endpoint");
        let fix = format!("write `serves = true` in services/{to}.toml, or remove the call");
        reporter.add(
            Diagnostic::at(Kind::NotServing, &callee.span, message, fix)
                .see(&server.name.span, format!("here is {to}")),
        );
    }
    let whole = system.is_whole(from) && system.is_whole(to);
    if server.priority.value < client.priority.value && whole {
        let message = format!(
            "{from} (priority {}) waits for {to} (priority {}), which it could keep from running",
            client.priority.value, server.priority.value
        );
        let fix = format!(
            "give {from} a priority of at most {}, or {to} one of at least {}",
            server.priority.value, client.priority.value
        );
        reporter.add(
            Diagnostic::at(Kind::PriorityInversion, &callee.span, message, fix)
                .see(&server.priority.span, format!("the priority of {to}")),
        );
    }
}

/// A call from one service to another, and where it is declared.
type Call<'a> = (&'a str, &'a str, &'a Span);

/// Reports each circle of calls once, at the call from its first service by name.
fn check_cycles(system: &System, reporter: &Reporter) {
    let mut done: Vec<&str> = Vec::new();
    for service in &system.services {
        let start = service.name.as_str();
        let mut path = Vec::new();
        if circle(system, start, start, &done, &mut path, &mut Vec::new()) {
            report_cycle(&path, reporter);
        }
        done.push(start);
    }
}

/// Fills `path` with calls that lead from `from` to `goal`, by services that are not `done`.
fn circle<'a>(
    system: &'a System,
    from: &str,
    goal: &str,
    done: &[&str],
    path: &mut Vec<Call<'a>>,
    seen: &mut Vec<&'a str>,
) -> bool {
    let Some(client) = system.service(from) else { return false };
    for callee in &client.talks_to {
        let to = callee.as_str();
        if done.contains(&to) || seen.contains(&to) {
            continue;
        }
        seen.push(to);
        path.push((&client.name, to, &callee.span));
        if to == goal || circle(system, to, goal, done, path, seen) {
            return true;
        }
        path.pop();
    }
    false
}

fn report_cycle(path: &[Call<'_>], reporter: &Reporter) {
    let Some((_, _, span)) = path.first() else { return };
    let steps: Vec<String> =
        path.iter().map(|(from, to, _)| format!("{from} calls {to}")).collect();
    let (message, fix) = match path {
        [(from, ..)] => {
            (format!("{from} calls itself, and would wait for ever"), "remove the call")
        }
        _ => (
            format!("they could wait for each other for ever: {}", steps.join(", ")),
            "remove one of these calls: let one side tell what the other one would ask",
        ),
    };
    let mut diagnostic = Diagnostic::at(Kind::CallCycle, span, message, fix);
    for (from, to, span) in path.iter().skip(1) {
        diagnostic = diagnostic.see(span, format!("{from} calls {to}"));
    }
    reporter.add(diagnostic);
}
