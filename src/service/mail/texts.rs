//! Every text of the mails, in every language.

use crate::model::language::texts;

texts! {
    language: "en", "de", "es";
    hello: "Hello,", "Hallo,", "Hola:";
    verify_subject: "Confirm your e-mail address", "Bestätige deine E-Mail-Adresse", "Confirma tu correo electrónico";
    verify_lead: "Somebody has given this address for an account at {site}. If it was you, confirm that it is yours.",
        "Jemand hat diese Adresse für ein Konto bei {site} angegeben. Wenn du es warst, bestätige, dass sie dir gehört.",
        "Alguien ha indicado esta dirección para una cuenta en {site}. Si fuiste tú, confirma que es tuya.";
    verify_button: "Confirm the address", "Adresse bestätigen", "Confirmar la dirección";
    reset_subject: "Choose a new password", "Wähle ein neues Passwort", "Elige una contraseña nueva";
    reset_lead: "Somebody has asked for a new password for your account at {site}. If it was you, choose one.",
        "Jemand hat für dein Konto bei {site} ein neues Passwort angefordert. Wenn du es warst, wähle eines.",
        "Alguien ha solicitado una contraseña nueva para tu cuenta en {site}. Si fuiste tú, elígela.";
    reset_button: "Choose a password", "Passwort wählen", "Elegir una contraseña";
    register_subject: "Open your account", "Eröffne dein Konto", "Abre tu cuenta";
    register_lead: "Somebody wants to open an account at {site} with this address. If it was you, go on here.",
        "Jemand möchte mit dieser Adresse ein Konto bei {site} eröffnen. Wenn du es warst, geht es hier weiter.",
        "Alguien quiere abrir una cuenta en {site} con esta dirección. Si fuiste tú, continúa aquí.";
    register_button: "Go on", "Weiter", "Continuar";
    exists_subject: "You have an account already", "Du hast schon ein Konto", "Ya tienes una cuenta";
    exists_lead: "Somebody wants to open an account at {site} with this address, which has one already. If it was you, log in. If you have forgotten the password, choose a new one there.",
        "Jemand möchte mit dieser Adresse ein Konto bei {site} eröffnen, aber sie hat schon eines. Wenn du es warst, melde dich an. Wenn du das Passwort vergessen hast, wähle dort ein neues.",
        "Alguien quiere abrir una cuenta en {site} con esta dirección, que ya tiene una. Si fuiste tú, inicia sesión. Si has olvidado la contraseña, elige allí una nueva.";
    exists_button: "To the login", "Zur Anmeldung", "Ir al inicio de sesión";
    invitation_subject: "You are invited", "Du bist eingeladen", "Tienes una invitación";
    invitation_lead: "You are invited to open an account at {site}.",
        "Du bist eingeladen, ein Konto bei {site} zu eröffnen.",
        "Tienes una invitación para abrir una cuenta en {site}.";
    invitation_expiry: "The link works once, until {time}.", "Der Link gilt einmal, bis {time}.",
        "El enlace sirve una sola vez, hasta el {time}.";
    code: "Or type this code:", "Oder gib diesen Code ein:", "O escribe este código:";
    expiry: "Link and code work once, within {minutes} minutes.",
        "Link und Code gelten einmal und nur {minutes} Minuten lang.",
        "El enlace y el código sirven una sola vez, durante {minutes} minutos.";
    do_nothing: "If it was not you, you do not need to do anything: nothing has changed.",
        "Wenn du es nicht warst, brauchst du nichts zu tun: es hat sich nichts geändert.",
        "Si no fuiste tú, no tienes que hacer nada: no ha cambiado nada.";
    address_subject: "Your e-mail address was changed", "Deine E-Mail-Adresse wurde geändert",
        "Se ha cambiado tu correo electrónico";
    address_lead: "The e-mail address of your account at {site} was changed.",
        "Die E-Mail-Adresse deines Kontos bei {site} wurde geändert.",
        "Se ha cambiado el correo electrónico de tu cuenta en {site}.";
    device_subject: "New login", "Neue Anmeldung", "Nuevo inicio de sesión";
    device_lead: "Somebody has logged in to your account at {site} from a new place.",
        "Jemand hat sich bei deinem Konto bei {site} von einem neuen Ort aus angemeldet.",
        "Alguien ha iniciado sesión en tu cuenta en {site} desde un lugar nuevo.";
    password_subject: "Your password was changed", "Dein Passwort wurde geändert", "Se ha cambiado tu contraseña";
    password_lead: "The password of your account at {site} was changed.",
        "Das Passwort deines Kontos bei {site} wurde geändert.",
        "Se ha cambiado la contraseña de tu cuenta en {site}.";
    password_set_lead: "An administrator has set a new password for your account at {site}.",
        "Ein Administrator hat für dein Konto bei {site} ein neues Passwort gesetzt.",
        "Un administrador ha puesto una contraseña nueva a tu cuenta en {site}.";
    app_added_subject: "An authenticator app was set up", "Eine Authenticator-App wurde eingerichtet",
        "Se ha configurado una aplicación de autenticación";
    app_added_lead: "An authenticator app was set up for your account at {site}.",
        "Für dein Konto bei {site} wurde eine Authenticator-App eingerichtet.",
        "Se ha configurado una aplicación de autenticación para tu cuenta en {site}.";
    app_removed_subject: "The authenticator app was removed", "Die Authenticator-App wurde entfernt",
        "Se ha quitado la aplicación de autenticación";
    app_removed_lead: "The authenticator app of your account at {site} was removed.",
        "Die Authenticator-App deines Kontos bei {site} wurde entfernt.",
        "Se ha quitado la aplicación de autenticación de tu cuenta en {site}.";
    passkey_added_subject: "A passkey was added", "Ein Passkey wurde hinzugefügt", "Se ha añadido una llave de acceso";
    passkey_added_lead: "A passkey was added to your account at {site}.",
        "Deinem Konto bei {site} wurde ein Passkey hinzugefügt.",
        "Se ha añadido una llave de acceso a tu cuenta en {site}.";
    passkey_removed_subject: "A passkey was removed", "Ein Passkey wurde entfernt", "Se ha quitado una llave de acceso";
    passkey_removed_lead: "A passkey of your account at {site} was removed.",
        "Ein Passkey deines Kontos bei {site} wurde entfernt.",
        "Se ha quitado una llave de acceso de tu cuenta en {site}.";
    identity_added_subject: "Another way to log in was added", "Eine weitere Anmeldung wurde hinzugefügt",
        "Se ha añadido otra forma de iniciar sesión";
    identity_added_lead: "Your account at {site} can now be logged in to through another service.",
        "Bei deinem Konto bei {site} kann man sich jetzt auch über einen anderen Dienst anmelden.",
        "Ahora se puede iniciar sesión en tu cuenta en {site} a través de otro servicio.";
    identity_removed_subject: "A way to log in was removed", "Eine Anmeldung wurde entfernt",
        "Se ha quitado una forma de iniciar sesión";
    identity_removed_lead: "Your account at {site} can no longer be logged in to through this service.",
        "Bei deinem Konto bei {site} kann man sich über diesen Dienst nicht mehr anmelden.",
        "Ya no se puede iniciar sesión en tu cuenta en {site} a través de este servicio.";
    provider: "Service", "Dienst", "Servicio";
    reset_factors_subject: "Your second factors were removed", "Deine zweiten Faktoren wurden entfernt",
        "Se han quitado tus segundos factores";
    reset_factors_lead: "An administrator has removed all second factors of your account at {site}.",
        "Ein Administrator hat alle zweiten Faktoren deines Kontos bei {site} entfernt.",
        "Un administrador ha quitado todos los segundos factores de tu cuenta en {site}.";
    codes_subject: "Wrong codes at your login", "Falsche Codes bei deiner Anmeldung",
        "Códigos incorrectos al iniciar sesión";
    codes_lead: "Somebody has given several wrong codes in a row for your account at {site}, after its password or a link from your mail.",
        "Jemand hat für dein Konto bei {site} mehrmals nacheinander einen falschen Code eingegeben, nach dem Passwort oder einem Link aus deiner Mail.",
        "Alguien ha introducido varios códigos incorrectos seguidos para tu cuenta en {site}, tras la contraseña o un enlace de tu correo.";
    reuse_subject: "One of your sessions was ended", "Eine deiner Sitzungen wurde beendet",
        "Se ha cerrado una de tus sesiones";
    reuse_lead: "A token of a session of your account at {site} was used a second time. Somebody may have copied it, so the session was ended. Log in again there.",
        "Ein Token einer Sitzung deines Kontos bei {site} wurde ein zweites Mal verwendet. Vielleicht hat es jemand kopiert, deshalb wurde die Sitzung beendet. Melde dich dort neu an.",
        "Un token de una sesión de tu cuenta en {site} se ha usado por segunda vez. Puede que alguien lo haya copiado, así que la sesión se ha cerrado. Vuelve a iniciarla.";
    not_you: "If it was not you, change your password at once, and end your other sessions. If you cannot log in, contact the operator of {site}.",
        "Wenn du es nicht warst, ändere sofort dein Passwort und beende deine anderen Sitzungen. Wenn du dich nicht anmelden kannst, wende dich an den Betreiber von {site}.",
        "Si no fuiste tú, cambia tu contraseña ahora mismo y cierra tus otras sesiones. Si no puedes iniciar sesión, ponte en contacto con quien administra {site}.";
    not_known: "If you did not expect this, contact the operator of {site}.",
        "Wenn du das nicht erwartet hast, wende dich an den Betreiber von {site}.",
        "Si no lo esperabas, ponte en contacto con quien administra {site}.";
    account: "Account", "Konto", "Cuenta";
    time: "Time", "Zeit", "Hora";
    ip: "IP address", "IP-Adresse", "Dirección IP";
    device: "Device", "Gerät", "Dispositivo";
    old_address: "Until now", "Bisher", "Hasta ahora";
    new_address: "From now on", "Ab jetzt", "A partir de ahora";
    footer: "{site} has sent this mail automatically. Replies are not read.",
        "{site} verschickt diese Mail automatisch. Antworten werden nicht gelesen.",
        "{site} envía este correo automáticamente. Las respuestas no se leen.";
}

#[cfg(test)]
mod tests {
    use super::TABLE;
    use crate::model::language::check;

    #[test]
    fn every_language_has_every_text_with_the_same_places_in_it() {
        check(TABLE);
    }
}
