//! Every text of the pages, in every language. Those of the account pages have a table of their own.

/// The table: `name: "English", "German", "Spanish";`. What stands in braces is replaced.
macro_rules! texts {
    ($($name:ident: $en:literal, $de:literal, $es:literal;)+) => {
        /// The texts of one language.
        pub(in crate::http::pages) struct Texts {
            $(pub(in crate::http::pages) $name: &'static str,)+
        }

        /// All languages; the first stands for those that are not there.
        pub(in crate::http::pages) const LANGUAGES: [Texts; 3] =
            [Texts { $($name: $en),+ }, Texts { $($name: $de),+ }, Texts { $($name: $es),+ }];

        #[cfg(test)]
        const TABLE: &[(&str, [&str; 3])] = &[$((stringify!($name), [$en, $de, $es])),+];
    };
}
pub(super) use texts;

texts! {
    language: "en", "de", "es";
    login_title: "Log in", "Anmelden", "Iniciar sesión";
    login_lead: "to continue to {client}", "um mit {client} weiterzumachen", "para continuar en {client}";
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
    too_many_codes: "Too many wrong codes. Try again in {seconds} seconds.",
        "Zu viele falsche Codes. Versuche es in {seconds} Sekunden noch einmal.",
        "Demasiados códigos incorrectos. Inténtalo de nuevo en {seconds} segundos.";
    step_title: "Confirm that it is you", "Bestätige, dass du es bist", "Confirma que eres tú";
    step_lead: "Type the six digits that your authenticator app shows.",
        "Gib die sechs Ziffern ein, die deine Authenticator-App zeigt.",
        "Escribe las seis cifras que muestra tu aplicación de autenticación.";
    login_passkey: "Log in with a passkey", "Mit einem Passkey anmelden", "Iniciar sesión con una llave de acceso";
    use_passkey: "Use a passkey", "Einen Passkey verwenden", "Usar una llave de acceso";
    passkey_lead: "Use the passkey of your account.", "Verwende den Passkey deines Kontos.",
        "Usa la llave de acceso de tu cuenta.";
    passkey_needs_script: "Passkeys need JavaScript.", "Passkeys brauchen JavaScript.",
        "Las llaves de acceso necesitan JavaScript.";
    passkey_failed: "That did not work. Try again, or another way.",
        "Das hat nicht geklappt. Versuche es noch einmal oder auf andere Weise.",
        "No ha funcionado. Inténtalo de nuevo o de otra manera.";
    passkey_refused: "This passkey is not accepted here.", "Dieser Passkey wird hier nicht angenommen.",
        "Aquí no se acepta esta llave de acceso.";
    otp: "One-time code", "Einmalcode", "Código de un solo uso";
    use_recovery_code: "Use a recovery code", "Einen Wiederherstellungscode verwenden", "Usar un código de recuperación";
    use_app: "Use the authenticator app", "Die Authenticator-App verwenden", "Usar la aplicación de autenticación";
    recovery_lead: "Type one of your recovery codes. Each works once.",
        "Gib einen deiner Wiederherstellungscodes ein. Jeder gilt einmal.",
        "Escribe uno de tus códigos de recuperación. Cada uno vale una sola vez.";
    recovery_code: "Recovery code", "Wiederherstellungscode", "Código de recuperación";
    wrong_otp: "The code is wrong or was used before. Type the next one that the app shows.",
        "Der Code ist falsch oder wurde schon verwendet. Gib den nächsten ein, den die App zeigt.",
        "El código no es correcto o ya se ha usado. Escribe el siguiente que muestre la aplicación.";
    wrong_recovery_code: "The recovery code is wrong or was used before.",
        "Der Wiederherstellungscode ist falsch oder wurde schon verwendet.",
        "El código de recuperación no es correcto o ya se ha usado.";
    otp_locked: "Too many codes were wrong. Use a recovery code, or log in from where you have logged in before.",
        "Zu viele Codes waren falsch. Verwende einen Wiederherstellungscode, oder melde dich dort an, wo du schon einmal angemeldet warst.",
        "Demasiados códigos eran incorrectos. Usa un código de recuperación o inicia sesión desde donde ya lo hayas hecho.";
    bad_challenge: "It took too long. Log in again.", "Es hat zu lange gedauert. Melde dich noch einmal an.",
        "Ha tardado demasiado. Inicia sesión de nuevo.";
    enrol_title: "Set up an authenticator app", "Authenticator-App einrichten", "Configura una aplicación de autenticación";
    enrol_lead: "Your account needs a second factor. Scan the picture with an authenticator app, or type the key there. Then type the code that the app shows.",
        "Dein Konto braucht einen zweiten Faktor. Scanne das Bild mit einer Authenticator-App, oder gib dort den Schlüssel ein. Gib dann den Code ein, den die App zeigt.",
        "Tu cuenta necesita un segundo factor. Escanea la imagen con una aplicación de autenticación o escribe en ella la clave. Después escribe el código que muestre.";
    enrol_picture: "QR code for the app", "QR-Code für die App", "Código QR para la aplicación";
    enrol_key: "Key:", "Schlüssel:", "Clave:";
    enrol_again: "Start again with another picture", "Mit einem anderen Bild neu beginnen",
        "Empezar de nuevo con otra imagen";
    recovery_codes_title: "Keep these recovery codes", "Bewahre diese Wiederherstellungscodes auf",
        "Guarda estos códigos de recuperación";
    recovery_codes_lead: "Each stands once for a code of the app, if you do not have it. They are not shown again.",
        "Jeder gilt einmal anstelle eines Codes der App, wenn du sie nicht hast. Sie werden nicht noch einmal gezeigt.",
        "Cada uno vale una vez en lugar de un código de la aplicación, si no la tienes. No se volverán a mostrar.";
    next_code_lead: "Then type the next code that the app shows.", "Gib dann den nächsten Code ein, den die App zeigt.",
        "Después escribe el siguiente código que muestre la aplicación.";
    overloaded: "Too many people are logging in right now. Try again in a moment.",
        "Gerade melden sich zu viele an. Versuche es gleich noch einmal.",
        "Hay demasiados inicios de sesión en este momento. Inténtalo de nuevo enseguida.";
    account_title: "Choose an account", "Konto wählen", "Elige una cuenta";
    account_continue: "Continue as {user}", "Als {user} weiter", "Continuar como {user}";
    account_other: "Use another account", "Ein anderes Konto verwenden", "Usar otra cuenta";
    consent_title: "Allow access?", "Zugriff erlauben?", "¿Permitir el acceso?";
    consent_lead: "{client} asks for permission to:",
        "{client} möchte Folgendes dürfen:",
        "{client} solicita permiso para:";
    consent_lead_alone: "{client} asks to act on your behalf.",
        "{client} bittet um Zugriff in deinem Namen.",
        "{client} solicita acceso en tu nombre.";
    consent_user: "You are logged in as {user}.", "Du bist als {user} angemeldet.", "Has iniciado sesión como {user}.";
    consent_host: "After this you will be taken to {host}.", "Danach gelangst du zu {host}.", "Después irás a {host}.";
    consent_program: "After this you will be taken to a program on this device: {host}",
        "Danach gelangst du zu einem Programm auf diesem Gerät: {host}",
        "Después irás a un programa de este dispositivo: {host}";
    consent_remembered: "What you allow is remembered. The application asks again only when it wants more.",
        "Was du erlaubst, wird gemerkt. Die Anwendung fragt erst wieder, wenn sie mehr möchte.",
        "Lo que permitas se recordará. La aplicación solo volverá a preguntar si quiere más.";
    consent_not_remembered: "You are asked every time, since another program on this device could pose as this one.",
        "Du wirst jedes Mal gefragt, weil sich ein anderes Programm auf diesem Gerät als dieses ausgeben könnte.",
        "Se te preguntará cada vez, porque otro programa de este dispositivo podría hacerse pasar por este.";
    allow: "Allow", "Erlauben", "Permitir";
    deny: "Deny", "Ablehnen", "Rechazar";
    scope_openid: "Know who you are", "Wissen, wer du bist", "Saber quién eres";
    scope_profile: "See your name and username",
        "Deinen Namen und Benutzernamen sehen",
        "Ver tu nombre y tu nombre de usuario";
    scope_email: "See your e-mail address", "Deine E-Mail-Adresse sehen", "Ver tu correo electrónico";
    scope_roles: "See your roles", "Deine Rollen sehen", "Ver tus roles";
    scope_offline_access: "Keep this access when you are away",
        "Diesen Zugriff behalten, wenn du weg bist",
        "Mantener este acceso cuando no estés";
    error_title: "Something went wrong", "Das hat nicht geklappt", "No ha funcionado";
    error_client: "The link that you followed names an application that is not registered here.",
        "Der Link nennt eine Anwendung, die hier nicht bekannt ist.",
        "El enlace nombra una aplicación que no está registrada aquí.";
    error_redirect_uri: "The link that you followed would take you to an address that is not registered for the application.",
        "Der Link würde zu einer Adresse führen, die für die Anwendung nicht eingetragen ist.",
        "El enlace llevaría a una dirección que no está registrada para la aplicación.";
    error_foreign: "This page belongs to another browser, or this browser keeps no cookies. Start again from the application.",
        "Diese Seite gehört zu einem anderen Browser, oder dieser Browser behält keine Cookies. Beginne noch einmal bei der Anwendung.",
        "Esta página pertenece a otro navegador, o este no guarda cookies. Empieza de nuevo desde la aplicación.";
    expired_title: "This has expired", "Das ist abgelaufen", "Esto ha caducado";
    error_expired: "It took too long, and nothing was allowed. Start again from the application.",
        "Es hat zu lange gedauert, und es wurde nichts erlaubt. Beginne noch einmal bei der Anwendung.",
        "Ha tardado demasiado y no se ha permitido nada. Empieza de nuevo desde la aplicación.";
    finished_title: "This is done already", "Das ist schon erledigt", "Esto ya está hecho";
    error_finished: "The application has its answer. You can close this page.",
        "Die Anwendung hat ihre Antwort. Du kannst diese Seite schließen.",
        "La aplicación ya tiene su respuesta. Puedes cerrar esta página.";
    error_form: "The form came from another page: nothing was done.",
        "Das Formular kam von einer anderen Seite: es ist nichts geschehen.",
        "El formulario venía de otra página: no se ha hecho nada.";
    error_request: "This request is not valid.", "Diese Anfrage versteht die Seite nicht.",
        "Esta página no entiende la solicitud.";
    error_not_found: "There is nothing here.", "Hier ist nichts.", "Aquí no hay nada.";
    error_unavailable: "The service cannot answer right now. Try again in a moment.",
        "Der Dienst kann gerade nicht antworten. Versuche es gleich noch einmal.",
        "El servicio no puede responder ahora. Inténtalo de nuevo enseguida.";
    error_internal: "Something is broken here. It is not your fault.",
        "Hier ist etwas kaputt. Es liegt nicht an dir.",
        "Algo falla aquí. No es culpa tuya.";
    request_id: "Request:", "Anfrage:", "Solicitud:";
    back_to: "Back to {client}", "Zurück zu {client}", "Volver a {client}";
    going_title: "Back to the application", "Zurück zur Anwendung", "De vuelta a la aplicación";
    going_lead: "You are being taken to {host}. If nothing happens, go on yourself.",
        "Du wirst zu {host} weitergeleitet. Wenn nichts geschieht, geh selbst weiter.",
        "Vas a {host}. Si no ocurre nada, continúa tú.";
    go_on: "Continue", "Weiter", "Continuar";
    logout_title: "Log out?", "Abmelden?", "¿Cerrar sesión?";
    logout_button: "Log out", "Abmelden", "Cerrar sesión";
    logged_out_title: "You are logged out", "Du bist abgemeldet", "Has cerrado sesión";
    logged_out_lead: "You can close this page.", "Du kannst diese Seite schließen.", "Puedes cerrar esta página.";
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

/// Asserts that every language has every text of a table, with the same places in it.
#[cfg(test)]
pub(super) fn check(table: &[(&str, [&str; 3])]) {
    let places = |text: &str| -> Vec<String> {
        text.split('{').skip(1).map(|rest| rest.split_once('}').unwrap().0.to_owned()).collect()
    };
    for (name, [english, others @ ..]) in table {
        assert!(!english.is_empty(), "{name}");
        for text in others {
            assert!(!text.is_empty() && text != english, "{name} is not translated: {text:?}");
            assert_eq!(places(text), places(english), "{name}: {text:?}");
        }
    }
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
    fn every_language_has_every_text_with_the_same_places_in_it() {
        check(TABLE);
    }
}
