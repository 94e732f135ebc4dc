//! Every text of the pages, in every language.

/// The table: `name: "English", "German", "Spanish";`. What stands in braces is replaced.
macro_rules! texts {
    ($($name:ident: $en:literal, $de:literal, $es:literal;)+) => {
        /// The texts of one language.
        pub(super) struct Texts {
            $(pub(super) $name: &'static str,)+
        }

        /// All languages; the first stands for those that are not there.
        pub(super) const LANGUAGES: [Texts; 3] =
            [Texts { $($name: $en),+ }, Texts { $($name: $de),+ }, Texts { $($name: $es),+ }];
    };
}

texts! {
    language: "en", "de", "es";
    login_title: "Log in", "Anmelden", "Iniciar sesión";
    login_lead: "to go on to {client}", "um mit {client} weiterzumachen", "para continuar en {client}";
    username: "Username", "Benutzername", "Nombre de usuario";
    password: "Password", "Passwort", "Contraseña";
    login_button: "Log in", "Anmelden", "Iniciar sesión";
    cancel: "Cancel", "Abbrechen", "Cancelar";
    bad_credentials: "Username or password is wrong.", "Benutzername oder Passwort ist falsch.",
        "El nombre de usuario o la contraseña no son correctos.";
    account_disabled: "This account is disabled.", "Dieses Konto ist gesperrt.", "Esta cuenta está desactivada.";
    too_many_failures: "Too many wrong passwords. Try again in {seconds} seconds.",
        "Zu viele falsche Passwörter. Versuche es in {seconds} Sekunden noch einmal.",
        "Demasiadas contraseñas incorrectas. Inténtalo de nuevo en {seconds} segundos.";
    overloaded: "Too many people are logging in right now. Try again in a moment.",
        "Gerade melden sich zu viele an. Versuche es gleich noch einmal.",
        "Hay demasiados inicios de sesión en este momento. Inténtalo de nuevo enseguida.";
    account_title: "Choose an account", "Konto wählen", "Elige una cuenta";
    account_continue: "Go on as {user}", "Als {user} weiter", "Continuar como {user}";
    account_other: "Use another account", "Ein anderes Konto verwenden", "Usar otra cuenta";
    consent_title: "Allow access?", "Zugriff erlauben?", "¿Permitir el acceso?";
    consent_lead: "{client} asks to be allowed to:", "{client} möchte:", "{client} solicita permiso para:";
    consent_user: "You are logged in as {user}.", "Du bist als {user} angemeldet.", "Has iniciado sesión como {user}.";
    consent_host: "You will be taken to {host}.", "Du gelangst danach zu {host}.", "Después irás a {host}.";
    consent_remembered: "What you allow is remembered for this application.",
        "Was du erlaubst, wird für diese Anwendung gemerkt.", "Lo que permitas se recordará para esta aplicación.";
    allow: "Allow", "Erlauben", "Permitir";
    deny: "Deny", "Ablehnen", "Rechazar";
    scope_openid: "know who you are", "wissen, wer du bist", "saber quién eres";
    scope_profile: "see your name and username", "deinen Namen und Benutzernamen sehen",
        "ver tu nombre y tu nombre de usuario";
    scope_email: "see your e-mail address", "deine E-Mail-Adresse sehen", "ver tu correo electrónico";
    scope_roles: "see your roles", "deine Rollen sehen", "ver tus roles";
    scope_offline_access: "keep this access when you are away", "diesen Zugriff behalten, wenn du weg bist",
        "mantener este acceso cuando no estés";
    error_title: "This did not work", "Das hat nicht geklappt", "No ha funcionado";
    error_client: "The link that you followed names an application that is not registered here.",
        "Der Link nennt eine Anwendung, die hier nicht bekannt ist.",
        "El enlace nombra una aplicación que no está registrada aquí.";
    error_redirect_uri: "The link that you followed would take you to an address that is not registered for the application.",
        "Der Link würde zu einer Adresse führen, die für die Anwendung nicht eingetragen ist.",
        "El enlace llevaría a una dirección que no está registrada para la aplicación.";
    error_foreign: "This page belongs to another browser, or this browser keeps no cookies. Start again from the application.",
        "Diese Seite gehört zu einem anderen Browser, oder dieser Browser behält keine Cookies. Beginne noch einmal bei der Anwendung.",
        "Esta página pertenece a otro navegador, o este no guarda cookies. Empieza de nuevo desde la aplicación.";
    error_expired: "This took too long and has expired.", "Das hat zu lange gedauert und ist abgelaufen.",
        "Ha tardado demasiado y ha caducado.";
    error_finished: "This was answered already.", "Das ist schon beantwortet.", "Esto ya se ha respondido.";
    error_form: "The form came from another page: nothing was done.",
        "Das Formular kam von einer anderen Seite: es ist nichts geschehen.",
        "El formulario venía de otra página: no se ha hecho nada.";
    error_request: "The request is not one that this page understands.", "Diese Anfrage versteht die Seite nicht.",
        "Esta página no entiende la solicitud.";
    error_not_found: "There is nothing here.", "Hier ist nichts.", "Aquí no hay nada.";
    error_unavailable: "The service cannot answer right now. Try again in a moment.",
        "Der Dienst kann gerade nicht antworten. Versuche es gleich noch einmal.",
        "El servicio no puede responder ahora. Inténtalo de nuevo enseguida.";
    error_internal: "That is a fault of ours.", "Das ist ein Fehler von uns.", "Es un error nuestro.";
    request_id: "Request:", "Anfrage:", "Solicitud:";
    back_to: "Back to {client}", "Zurück zu {client}", "Volver a {client}";
    going_title: "You are being taken back", "Es geht zurück", "Volviendo a la aplicación";
    go_on: "Go on", "Weiter", "Continuar";
    logout_title: "Log out?", "Abmelden?", "¿Cerrar sesión?";
    logout_button: "Log out", "Abmelden", "Cerrar sesión";
    logged_out_title: "You are logged out", "Du bist abgemeldet", "Has cerrado sesión";
    logged_out_lead: "Nobody is logged in here in this browser any more.",
        "In diesem Browser ist hier niemand mehr angemeldet.", "Ya no hay ninguna sesión iniciada en este navegador.";
    error_logout: "The application that sent you here is not registered, or its request is not valid. You are still logged in.",
        "Die Anwendung, die dich hierher geschickt hat, ist nicht bekannt, oder ihre Anfrage ist ungültig. Du bist noch angemeldet.",
        "La aplicación que te envió aquí no está registrada o su solicitud no es válida. Tu sesión sigue iniciada.";
}

/// The best language that is there: of the application's wishes first, then of the browser's.
pub(super) fn best<'a>(ui_locales: &'a [String], accept_language: &'a str) -> &'static Texts {
    let wishes = ui_locales.iter().map(String::as_str).chain(accepted(accept_language));
    let known = |wish: &str| LANGUAGES.iter().find(|texts| primary(wish).eq_ignore_ascii_case(texts.language));
    let [first, ..] = &LANGUAGES;
    wishes.into_iter().find_map(known).unwrap_or(first)
}

/// [RFC 9110 section 12.5.4](https://www.rfc-editor.org/rfc/rfc9110#section-12.5.4).
fn accepted(header: &str) -> Vec<&str> {
    let weighted = header.split(',').filter_map(|item| {
        let (language, weight) = item.split_once(';').unwrap_or((item, "q=1"));
        let weight: f32 = weight.trim().strip_prefix("q=")?.parse().ok()?;
        (weight > 0.0).then_some((language.trim(), weight))
    });
    let mut weighted: Vec<_> = weighted.collect();
    weighted.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    weighted.into_iter().map(|(language, _)| language).collect()
}

/// The language of a tag, as in `de-AT`.
fn primary(tag: &str) -> &str {
    tag.split('-').next().unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_application_chooses_the_language_before_the_browser() {
        let wishes = |wishes: &[&str]| wishes.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (ui_locales, accept_language, expected) in [
            (&["fr", "de-AT"][..], "es", "de"),
            (&[], "es-MX,es;q=0.9,en;q=0.8", "es"),
            (&[], "en;q=0.5, de;q=0.8", "de"),
            (&[], "fr, de;q=0, *;q=0.5", "en"),
            (&["fr"], "", "en"),
        ] {
            assert_eq!(best(&wishes(ui_locales), accept_language).language, expected, "{accept_language}");
        }
    }

    #[test]
    fn what_is_replaced_is_the_same_in_every_language() {
        for (texts, in_german, in_spanish) in [
            (LANGUAGES[0].login_lead, LANGUAGES[1].login_lead, LANGUAGES[2].login_lead),
            (LANGUAGES[0].consent_host, LANGUAGES[1].consent_host, LANGUAGES[2].consent_host),
            (LANGUAGES[0].too_many_failures, LANGUAGES[1].too_many_failures, LANGUAGES[2].too_many_failures),
        ] {
            let braces = |text: &str| text.split_once('{').unwrap().1.split_once('}').unwrap().0.to_owned();
            assert_eq!((braces(texts), braces(texts)), (braces(in_german), braces(in_spanish)));
        }
    }
}
