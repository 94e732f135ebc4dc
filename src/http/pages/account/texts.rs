//! Every text of the account pages, in every language. What other pages say, too, is in the table of all pages.

use crate::model::language::texts;

texts! {
    language: "en", "de", "es";
    account: "Your account", "Dein Konto", "Tu cuenta";
    profile_title: "Profile", "Profil", "Perfil";
    password_title: "Password", "Passwort", "Contraseña";
    passkeys_title: "Your passkeys", "Deine Passkeys", "Tus llaves de acceso";
    passkeys_lead: "A passkey logs you in without a password: by your fingerprint, your face or the PIN of a device.",
        "Ein Passkey meldet dich ohne Passwort an: mit Fingerabdruck, Gesicht oder der PIN eines Geräts.",
        "Una llave de acceso inicia tu sesión sin contraseña: con tu huella, tu cara o el PIN de un dispositivo.";
    passkey_synced: "It is on all devices of your password manager.",
        "Er ist auf allen Geräten deines Passwortmanagers.",
        "Está en todos los dispositivos de tu gestor de contraseñas.";
    passkey_name: "Name of the passkey, such as its device", "Name des Passkeys, etwa der seines Geräts",
        "Nombre de la llave de acceso, por ejemplo el de su dispositivo";
    rename: "Rename", "Umbenennen", "Cambiar el nombre";
    add_passkey: "Add a passkey", "Passkey hinzufügen", "Añadir una llave de acceso";
    add_passkey_lead: "Your browser asks where to keep it. From then on your password alone is not enough to log in: a passkey, a code of your app or a recovery code follows it.",
        "Dein Browser fragt, wo er aufbewahrt wird. Von da an reicht das Passwort allein nicht mehr zum Anmelden: danach kommt ein Passkey, ein Code deiner App oder ein Wiederherstellungscode.",
        "El navegador te preguntará dónde guardarla. Desde entonces la contraseña sola no bastará para iniciar sesión: después hará falta una llave de acceso, un código de tu aplicación o un código de recuperación.";
    make_passkey: "Make the passkey", "Passkey erzeugen", "Crear la llave de acceso";
    passkey_not_made: "No passkey was made. Perhaps this device has one for your account already.",
        "Es wurde kein Passkey erzeugt. Vielleicht hat dieses Gerät schon einen für dein Konto.",
        "No se ha creado ninguna llave de acceso. Quizá este dispositivo ya tenga una para tu cuenta.";
    passkey_added: "The passkey is added.", "Der Passkey ist hinzugefügt.", "La llave de acceso se ha añadido.";
    passkey_upgraded: "Your browser has made a passkey for your account. It logs you in without the password.",
        "Dein Browser hat einen Passkey für dein Konto erzeugt. Er meldet dich ohne das Passwort an.",
        "Tu navegador ha creado una llave de acceso para tu cuenta. Inicia tu sesión sin la contraseña.";
    passkey_taken: "This passkey is registered already.", "Diesen Passkey gibt es hier schon.",
        "Esta llave de acceso ya está registrada.";
    passkey_too_late: "It took too long. Try again.", "Es hat zu lange gedauert. Versuche es noch einmal.",
        "Ha tardado demasiado. Inténtalo de nuevo.";
    passkey_not_found: "This passkey is not there any more.", "Diesen Passkey gibt es nicht mehr.",
        "Esta llave de acceso ya no existe.";
    too_many_passkeys: "You have {count} passkeys already. Remove one first.",
        "Du hast schon {count} Passkeys. Entferne zuerst einen.",
        "Ya tienes {count} llaves de acceso. Quita una antes.";
    remove_passkey: "Remove the passkey", "Passkey entfernen", "Quitar la llave de acceso";
    remove_passkey_lead: "It does not log you in any more. With your last second factor the recovery codes stop working, too.",
        "Er meldet dich dann nicht mehr an. Mit deinem letzten zweiten Faktor gelten auch die Wiederherstellungscodes nicht mehr.",
        "Ya no iniciará tu sesión. Con tu último segundo factor dejarán de valer también los códigos de recuperación.";
    passkey_removed: "The passkey is removed.", "Der Passkey ist entfernt.", "La llave de acceso se ha quitado.";
    factors_title: "Second factor", "Zweiter Faktor", "Segundo factor";
    identities_title: "Linked services", "Verknüpfte Dienste", "Servicios vinculados";
    identities_lead: "Anyone who can log in to one of these can log in to your account.",
        "Wer sich bei einem von ihnen anmelden kann, kann sich bei deinem Konto anmelden.",
        "Quien pueda iniciar sesión en uno de ellos podrá entrar en tu cuenta.";
    no_identities: "Your account is linked to no other service.", "Dein Konto ist mit keinem anderen Dienst verknüpft.",
        "Tu cuenta no está vinculada a ningún otro servicio.";
    link_identity: "Link {provider}", "{provider} verknüpfen", "Vincular {provider}";
    unlink_identity: "Unlink", "Verknüpfung lösen", "Desvincular";
    unlink_identity_lead: "It then does not log you in any more. Sessions that are open stay open.",
        "Damit kannst du dich dann nicht mehr anmelden. Offene Sitzungen bleiben offen.",
        "Ya no podrás iniciar sesión con él. Las sesiones abiertas siguen abiertas.";
    identity_removed: "The service is unlinked.", "Die Verknüpfung ist gelöst.", "El servicio se ha desvinculado.";
    identity_not_found: "This link is not there any more.", "Diese Verknüpfung gibt es nicht mehr.",
        "Este vínculo ya no existe.";
    last_way_in: "You could not log in any more without it. Set a password, add a passkey or link another service first.",
        "Ohne ihn könntest du dich nicht mehr anmelden. Setze zuerst ein Passwort, füge einen Passkey hinzu oder verknüpfe einen anderen Dienst.",
        "Sin él ya no podrías iniciar sesión. Antes pon una contraseña, añade una llave de acceso o vincula otro servicio.";
    sessions_title: "Sessions", "Sitzungen", "Sesiones";
    api_tokens_title: "API tokens", "API-Tokens", "Tokens de API";
    applications_title: "Applications", "Anwendungen", "Aplicaciones";
    full_name: "Full name", "Vollständiger Name", "Nombre completo";
    no_email: "Your account has no e-mail address.", "Dein Konto hat keine E-Mail-Adresse.",
        "Tu cuenta no tiene correo electrónico.";
    email_title: "E-mail address", "E-Mail-Adresse", "Correo electrónico";
    email_verified: "It is confirmed: you can log in with it, and reset your password.",
        "Sie ist bestätigt: du kannst dich damit anmelden und dein Passwort zurücksetzen.",
        "Está confirmado: puedes iniciar sesión con él y restablecer tu contraseña.";
    email_not_verified: "It is not confirmed yet.", "Sie ist noch nicht bestätigt.", "Aún no está confirmado.";
    confirm_email: "Send a mail to confirm it", "Mail zum Bestätigen senden", "Enviar un mensaje para confirmarlo";
    email_pending: "This address waits until you follow the link of the mail that was sent to it:",
        "Diese Adresse wartet, bis du dem Link der Mail folgst, die dorthin ging:",
        "Esta dirección espera a que sigas el enlace del mensaje que se le envió:";
    new_email: "New e-mail address", "Neue E-Mail-Adresse", "Correo electrónico nuevo";
    new_email_lead: "It gets a mail with a link. Until you follow that, nothing changes.",
        "Sie bekommt eine Mail mit einem Link. Bis du ihm folgst, ändert sich nichts.",
        "Recibirá un mensaje con un enlace. Hasta que lo sigas no cambiará nada.";
    change_email: "Change the address", "Adresse ändern", "Cambiar el correo";
    mail_sent: "A mail is on its way. Follow its link.", "Eine Mail ist unterwegs. Folge dem Link darin.",
        "El mensaje está en camino. Sigue su enlace.";
    admin_sets_email: "An administrator sets your e-mail address.", "Ein Administrator legt deine E-Mail-Adresse fest.",
        "Un administrador asigna tu correo electrónico.";
    save: "Save", "Speichern", "Guardar";
    saved: "Saved.", "Gespeichert.", "Guardado.";
    is_gone: "What you chose is not there any more.", "Was du gewählt hast, gibt es nicht mehr.",
        "Lo que elegiste ya no existe.";
    username_taken: "This username is taken.", "Diesen Benutzernamen gibt es schon.", "Este nombre de usuario ya existe.";
    bad_username: "A username has 1 to 128 characters, without spaces and without characters that cannot be seen.",
        "Ein Benutzername hat 1 bis 128 Zeichen, ohne Leerzeichen und ohne unsichtbare Zeichen.",
        "Un nombre de usuario tiene de 1 a 128 caracteres, sin espacios ni caracteres invisibles.";
    bad_name: "A name has 1 to 100 readable characters.", "Ein Name hat 1 bis 100 lesbare Zeichen.",
        "Un nombre tiene de 1 a 100 caracteres legibles.";
    bad_field: "A field of the form is not valid.", "Ein Feld des Formulars ist ungültig.",
        "Un campo del formulario no es válido.";
    password_lead: "At least 8 characters, better 15 or more. All other sessions will end.",
        "Mindestens 8 Zeichen, besser 15 oder mehr. Alle anderen Sitzungen werden beendet.",
        "Al menos 8 caracteres, mejor 15 o más. Todas las demás sesiones se cerrarán.";
    current_password: "Current password", "Bisheriges Passwort", "Contraseña actual";
    new_password: "New password", "Neues Passwort", "Contraseña nueva";
    new_password_again: "New password again", "Neues Passwort noch einmal", "Contraseña nueva otra vez";
    change_password: "Change password", "Passwort ändern", "Cambiar la contraseña";
    password_changed: "Your password is changed, and all other sessions have ended.",
        "Dein Passwort ist geändert, und alle anderen Sitzungen sind beendet.",
        "Tu contraseña ha cambiado y todas las demás sesiones se han cerrado.";
    wrong_password: "The password is wrong.", "Das Passwort ist falsch.", "La contraseña no es correcta.";
    password_too_short: "The new password has fewer than 8 characters.",
        "Das neue Passwort hat weniger als 8 Zeichen.",
        "La contraseña nueva tiene menos de 8 caracteres.";
    password_too_long: "The new password has more than 1024 characters.",
        "Das neue Passwort hat mehr als 1024 Zeichen.",
        "La contraseña nueva tiene más de 1024 caracteres.";
    password_too_common: "The new password is too easy to guess. Take several words that have nothing to do with each other or with you.",
        "Das neue Passwort ist zu leicht zu erraten. Nimm mehrere Wörter, die nichts miteinander und nichts mit dir zu tun haben.",
        "La contraseña nueva es demasiado fácil de adivinar. Usa varias palabras que no tengan relación entre sí ni contigo.";
    password_the_same: "The new password is the current one.", "Das neue Passwort ist das bisherige.",
        "La contraseña nueva es la actual.";
    passwords_differ: "The two new passwords are not the same.", "Die beiden neuen Passwörter sind nicht gleich.",
        "Las dos contraseñas nuevas no son iguales.";
    no_password: "Your account has no password. You set one as if you had forgotten it: by a mail to your confirmed address.",
        "Dein Konto hat kein Passwort. Du setzt eines, als hättest du es vergessen: mit einer Mail an deine bestätigte Adresse.",
        "Tu cuenta no tiene contraseña. Puedes crear una como si la hubieras olvidado: con un mensaje a tu dirección confirmada.";
    no_password_no_mail: "Your account has no password. An administrator can set one for you.",
        "Dein Konto hat kein Passwort. Ein Administrator kann dir eines setzen.",
        "Tu cuenta no tiene contraseña. Un administrador puede crearte una.";
    set_password: "Set a password", "Passwort setzen", "Crear una contraseña";
    confirm_without_password: "To go on, show once more that it is you.",
        "Um weiterzumachen, zeige noch einmal, dass du es bist.",
        "Para seguir, demuestra otra vez que eres tú.";
    confirm_lead: "Type your password to go on.", "Gib dein Passwort ein, um weiterzumachen.",
        "Escribe tu contraseña para continuar.";
    must_have_one: "Your account needs a second factor.", "Dein Konto braucht einen zweiten Faktor.",
        "Tu cuenta necesita un segundo factor.";
    no_app: "Your login is a single step. An authenticator app adds another: a thief of your password, or of your account at a linked service, gets no further.",
        "Deine Anmeldung ist ein einziger Schritt. Mit einer Authenticator-App kommt ein zweiter dazu: dein Passwort oder dein Konto bei einem verknüpften Dienst allein nützt dann keinem Dieb.",
        "Tu inicio de sesión es un solo paso. Una aplicación de autenticación añade otro: a quien robe tu contraseña, o tu cuenta en un servicio vinculado, no le bastará.";
    has_app: "Your login asks for a code of your authenticator app, too. It was set up on {time}.",
        "Deine Anmeldung fragt auch nach einem Code deiner Authenticator-App. Sie ist eingerichtet seit {time}.",
        "Tu inicio de sesión pide también un código de tu aplicación de autenticación. Está configurada desde {time}.";
    codes_left: "Recovery codes that you can still use: {count}", "Wiederherstellungscodes, die noch gelten: {count}",
        "Códigos de recuperación que aún valen: {count}";
    replace_app: "Set up another app", "Eine andere App einrichten", "Configurar otra aplicación";
    setup_lead: "Scan the picture with an authenticator app, or type the key there. Then type the code that the app shows.",
        "Scanne das Bild mit einer Authenticator-App, oder gib dort den Schlüssel ein. Gib dann den Code ein, den die App zeigt.",
        "Escanea la imagen con una aplicación de autenticación o escribe en ella la clave. Después escribe el código que muestre.";
    new_codes: "Make new recovery codes", "Neue Wiederherstellungscodes erzeugen", "Crear códigos de recuperación nuevos";
    new_codes_lead: "The old codes stop working.", "Die alten Codes gelten dann nicht mehr.",
        "Los códigos anteriores dejarán de valer.";
    print_lead: "Print this page, or write the codes down and keep them in a safe place.",
        "Drucke diese Seite, oder schreibe die Codes auf und bewahre sie an einem sicheren Ort auf.",
        "Imprime esta página o anota los códigos y guárdalos en un lugar seguro.";
    remove_app: "Remove the app", "App entfernen", "Quitar la aplicación";
    remove_app_lead: "Then your login is a single step, and the recovery codes stop working.",
        "Dann ist deine Anmeldung ein einziger Schritt, und die Wiederherstellungscodes gelten nicht mehr.",
        "Entonces tu inicio de sesión será un solo paso, y los códigos de recuperación dejarán de valer.";
    remove_app_lead_passkeys: "Then your passkeys alone are your second factor.",
        "Dann sind nur noch deine Passkeys dein zweiter Faktor.",
        "Entonces tu segundo factor serán solo tus llaves de acceso.";
    passkeys_alone: "Your passkeys are your second factor. With an authenticator app you have one more.",
        "Deine Passkeys sind dein zweiter Faktor. Mit einer Authenticator-App hast du noch einen.",
        "Tus llaves de acceso son tu segundo factor. Con una aplicación de autenticación tendrás otro.";
    app_removed: "The app is removed.", "Die App ist entfernt.", "La aplicación se ha quitado.";
    this_session: "This is the session that you are using.", "Das ist die Sitzung, die du gerade benutzt.",
        "Esta es la sesión que estás usando.";
    unknown_device: "Unknown device", "Unbekanntes Gerät", "Dispositivo desconocido";
    device: "{browser} on {system}", "{browser} unter {system}", "{browser} en {system}";
    of_application: "Application:", "Anwendung:", "Aplicación:";
    from_address: "From:", "Von:", "Desde:";
    started: "Started:", "Begonnen:", "Inicio:";
    last_used: "Last used:", "Zuletzt benutzt:", "Último uso:";
    ended: "Ended:", "Beendet:", "Fin:";
    why_ended: "Why:", "Warum:", "Por qué:";
    end_session: "End this session", "Diese Sitzung beenden", "Cerrar esta sesión";
    end_others: "End all other sessions", "Alle anderen Sitzungen beenden", "Cerrar todas las demás sesiones";
    session_ended: "The session has ended.", "Die Sitzung ist beendet.", "La sesión se ha cerrado.";
    others_ended: "All other sessions have ended.", "Alle anderen Sitzungen sind beendet.",
        "Todas las demás sesiones se han cerrado.";
    ended_title: "Why was I logged out?", "Warum wurde ich abgemeldet?", "¿Por qué se cerró mi sesión?";
    ended_lead: "Sessions that have ended.", "Sitzungen, die beendet sind.", "Sesiones que se han cerrado.";
    no_sessions: "There are no older sessions.", "Es gibt keine älteren Sitzungen.", "No hay sesiones anteriores.";
    newest: "To the newest sessions", "Zu den neuesten Sitzungen", "A las sesiones más recientes";
    older: "Older sessions", "Ältere Sitzungen", "Sesiones anteriores";
    reason_logout: "You logged out.", "Du hast dich abgemeldet.", "Cerraste la sesión.";
    reason_revoked: "You ended it from another session.", "Du hast sie aus einer anderen Sitzung beendet.",
        "La cerraste desde otra sesión.";
    reason_admin: "An administrator ended it.", "Ein Administrator hat sie beendet.", "La cerró un administrador.";
    reason_password_changed: "The password was changed.", "Das Passwort wurde geändert.", "Se cambió la contraseña.";
    reason_user_disabled: "The account was disabled.", "Das Konto war gesperrt.", "La cuenta fue desactivada.";
    reason_reuse: "A token of it was used twice: perhaps somebody has copied it. If you do not know why, change your password.",
        "Ein Token davon wurde zweimal benutzt: vielleicht hat es jemand kopiert. Wenn du nicht weißt, warum, ändere dein Passwort.",
        "Un token suyo se usó dos veces: quizá alguien lo copió. Si no sabes por qué, cambia tu contraseña.";
    reason_shared: "It was used from too many places at once. If that was not you, change your password.",
        "Sie wurde an zu vielen Orten zugleich benutzt. Wenn du das nicht warst, ändere dein Passwort.",
        "Se usó desde demasiados lugares a la vez. Si no fuiste tú, cambia tu contraseña.";
    reason_idle: "It was not used for too long.", "Sie wurde zu lange nicht benutzt.", "No se usó durante demasiado tiempo.";
    reason_absolute_end: "It had reached its longest time.", "Ihre längste Dauer war erreicht.",
        "Había llegado a su duración máxima.";
    api_tokens_lead: "Keys with which scripts act for you.", "Schlüssel, mit denen Skripte für dich handeln.",
        "Claves con las que los scripts actúan por ti.";
    no_api_tokens: "You have no API tokens.", "Du hast keine API-Tokens.", "No tienes tokens de API.";
    new_api_token: "A new API token", "Ein neues API-Token", "Un token de API nuevo";
    token_name: "What it is for", "Wofür es ist", "Para qué es";
    token_scopes: "What it may do", "Was es darf", "Qué puede hacer";
    token_roles: "Your roles that it gets", "Deine Rollen, die es bekommt", "Tus roles que recibe";
    token_days: "Days until it expires (empty: it does not expire)",
        "Tage, bis es abläuft (leer: es läuft nicht ab)",
        "Días hasta que caduque (vacío: no caduca)";
    create_token: "Create the API token", "API-Token erzeugen", "Crear el token de API";
    created: "Created:", "Erzeugt:", "Creado:";
    expires: "Expires:", "Läuft ab:", "Caduca:";
    never: "never", "nie", "nunca";
    scopes: "May:", "Darf:", "Puede:";
    roles: "With the roles:", "Mit den Rollen:", "Con los roles:";
    is_revoked: "It is revoked.", "Es ist widerrufen.", "Está revocado.";
    is_expired: "It has expired.", "Es ist abgelaufen.", "Ha caducado.";
    revoke: "Revoke", "Widerrufen", "Revocar";
    token_revoked: "The API token is revoked.", "Das API-Token ist widerrufen.", "El token de API está revocado.";
    token_created: "Copy your new API token", "Kopiere dein neues API-Token", "Copia tu token de API nuevo";
    token_created_lead: "It is not shown again.", "Es wird nicht noch einmal gezeigt.", "No se volverá a mostrar.";
    bad_days: "An API token lives for 1 to 3650 days.", "Ein API-Token lebt 1 bis 3650 Tage.",
        "Un token de API vive de 1 a 3650 días.";
    too_many_tokens: "You have {count} API tokens already. Revoke one first.",
        "Du hast schon {count} API-Tokens. Widerrufe zuerst eines.",
        "Ya tienes {count} tokens de API. Revoca uno antes.";
    applications_lead: "These applications have access to your account.",
        "Diese Anwendungen haben Zugriff auf dein Konto.",
        "Estas aplicaciones tienen acceso a tu cuenta.";
    no_applications: "No application has access to your account.", "Keine Anwendung hat Zugriff auf dein Konto.",
        "Ninguna aplicación tiene acceso a tu cuenta.";
    allowed_at: "Allowed:", "Erlaubt:", "Permitida:";
    is_own: "It belongs to this service and does not ask.", "Sie gehört zu diesem Dienst und fragt nicht.",
        "Pertenece a este servicio y no pregunta.";
    remove_access: "Take access away", "Zugriff entziehen", "Quitar el acceso";
    access_removed: "The application has no access any more.", "Die Anwendung hat keinen Zugriff mehr.",
        "La aplicación ya no tiene acceso.";
}

/// The texts in the language of a page.
pub(super) fn of(language: &str) -> &'static Texts {
    let [first, ..] = &LANGUAGES;
    LANGUAGES.iter().find(|texts| texts.language == language).unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use crate::model::language::check;

    #[test]
    fn every_language_has_every_text_of_the_account_pages() {
        check(super::TABLE);
    }
}
