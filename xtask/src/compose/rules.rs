//! What the specification does not ask for, and we do.

use super::project::{IMAGE, Project, Service};

/// Somebody else's image that does not start otherwise.
const WRITES_ITS_SETTINGS: &str = "opensearchproject/opensearch:";

/// What is broken, each with the name of its service.
pub(super) fn broken(project: &Project) -> Vec<String> {
    let services = project.services.iter();
    let mut found: Vec<String> = services
        .flat_map(|(name, service)| of_service(service).into_iter().map(move |what| format!("{name} {what}")))
        .collect();
    if project.ours().next().is_none() {
        found.push(format!("no service runs {IMAGE}"));
    }
    let open = |name: &str| project.networks.get(name).is_some_and(|network| !network.internal);
    found.extend(
        ["peers", "stores"]
            .into_iter()
            .filter(|name| open(name))
            .map(|name| format!("{name} is not internal")),
    );
    found
}

fn of_service(service: &Service) -> Vec<&'static str> {
    let limits = &service.deploy["resources"]["limits"];
    let tag = service.image.split_once(':').map_or("", |(_, tag)| tag);
    let is_pinned = tag.starts_with(|first: char| first.is_ascii_digit()) && tag.contains('.');
    let is_checked = service.is_ours() || service.is_one_shot() || service.healthcheck.is_some();
    let publishes = |inside: u16| service.ports.iter().any(|port| port.target == inside);
    let is_guarded = service.security_opt.iter().any(|option| option == "no-new-privileges:true");
    let rules = [
        (is_pinned, "has an image without a version"),
        (service.read_only || service.image.starts_with(WRITES_ITS_SETTINGS), "can write beside its volumes"),
        (service.cap_drop == ["ALL"], "keeps capabilities"),
        (is_guarded, "can gain privileges"),
        (!service.user.starts_with("0"), "runs as root"),
        (!limits["memory"].is_null() && !limits["pids"].is_null(), "has no limits"),
        (is_checked, "has no healthcheck"),
        (!publishes(8090), "publishes what only other processes may ask"),
        (service.ports.iter().all(|port| port.host_ip == "127.0.0.1"), "is published beyond the loopback"),
        (service.ports.is_empty() || service.is_ours(), "is published and not ours"),
    ];
    rules.into_iter().filter(|(holds, _)| !holds).map(|(_, what)| what).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_careless_service_is_told_what_it_lacks() {
        let project = r#"{"services": {"db": {"image": "db:latest", "user": "0:0", "ports": [{"target": 8090}]}},
            "networks": {"peers": {}}}"#;
        let found = broken(&Project::parse(project).unwrap());
        assert_eq!(found.len(), 12, "{found:?}");
        assert!(
            found.contains(&"db runs as root".to_owned())
                && found.contains(&"peers is not internal".to_owned())
        );
    }

    #[test]
    fn a_careful_one_is_not() {
        let project = format!(
            r#"{{"services": {{"a": {{"image": "{IMAGE}", "read_only": true, "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"], "deploy": {{"resources": {{"limits": {{"memory": "1", "pids": 9}}}}}},
            "ports": [{{"target": 8080, "host_ip": "127.0.0.1"}}]}}}}}}"#
        );
        assert_eq!(broken(&Project::parse(&project).unwrap()), Vec::<String>::new());
    }
}
