//! Every text of the pages, in every language. Those of the account pages have a table of their own.

use crate::model::language::texts;

texts! {
    language: "en", "de", "es";
    login_title: "Log in", "Anmelden", "Iniciar sesión";
    login_lead: "to continue to {client}", "um mit {client} weiterzumachen", "para continuar en {client}";
    username: "Username", "Benutzername", "Nombre de usuario";
    password: "Password", "Passwort", "Contraseña";
    login_button: "Log in", "Anmelden", "Iniciar sesión";
    username_or_address: "Username or e-mail address", "Benutzername oder E-Mail-Adresse",
        "Nombre de usuario o correo electrónico";
    forgot_password: "Forgot your password?", "Passwort vergessen?", "¿Has olvidado la contraseña?";
    to_login: "To the login", "Zur Anmeldung", "Ir al inicio de sesión";
    reset_title: "Choose a new password", "Wähle ein neues Passwort", "Elige una contraseña nueva";
    reset_lead: "Type the e-mail address of your account. You will get a mail with a link.",
        "Gib die E-Mail-Adresse deines Kontos ein. Du bekommst eine Mail mit einem Link.",
        "Escribe el correo electrónico de tu cuenta. Recibirás un mensaje con un enlace.";
    email: "E-mail address", "E-Mail-Adresse", "Correo electrónico";
    bad_email: "This is not an e-mail address.", "Das ist keine E-Mail-Adresse.", "Esto no es un correo electrónico.";
    reset_button: "Send the mail", "Mail senden", "Enviar el mensaje";
    reset_sent: "If an account has this address and it is confirmed, a mail is on its way. Follow its link, or type its code here. Both work for {minutes} minutes.",
        "Wenn ein Konto diese Adresse hat und sie bestätigt ist, ist eine Mail unterwegs. Folge dem Link darin, oder gib hier den Code ein. Beide gelten {minutes} Minuten lang.",
        "Si una cuenta tiene esta dirección y está confirmada, el mensaje está en camino. Sigue su enlace o escribe aquí su código. Ambos sirven durante {minutes} minutos.";
    mail_code: "Code from the mail", "Code aus der Mail", "Código del mensaje";
    new_password: "New password", "Neues Passwort", "Contraseña nueva";
    new_password_lead: "At least 8 characters; 15 or more are better. After this you have to log in again everywhere.",
        "Mindestens 8 Zeichen; besser sind 15 oder mehr. Danach musst du dich überall neu anmelden.",
        "Al menos 8 caracteres; mejor 15 o más. Después tendrás que iniciar sesión de nuevo en todas partes.";
    new_password_button: "Set the password", "Passwort setzen", "Guardar la contraseña";
    password_too_short: "The password is too short: it needs at least 8 characters.",
        "Das Passwort ist zu kurz: es braucht mindestens 8 Zeichen.",
        "La contraseña es demasiado corta: necesita al menos 8 caracteres.";
    password_too_long: "The password is too long: at most 1024 characters.",
        "Das Passwort ist zu lang: höchstens 1024 Zeichen.",
        "La contraseña es demasiado larga: como máximo 1024 caracteres.";
    password_too_common: "The password is easy to guess. Take one that is longer or less common.",
        "Das Passwort ist leicht zu erraten. Nimm ein längeres oder ein weniger verbreitetes.",
        "La contraseña es fácil de adivinar. Usa una más larga o menos común.";
    password_invalid: "This cannot be a password.", "Das kann kein Passwort sein.", "Esto no puede ser una contraseña.";
    factor_too: "Your account has a second factor: type a code as well.",
        "Dein Konto hat einen zweiten Faktor: gib auch einen Code ein.",
        "Tu cuenta tiene un segundo factor: escribe también un código.";
    or_recovery_code: "Or a recovery code", "Oder ein Wiederherstellungscode", "O un código de recuperación";
    password_set_title: "Your password is changed", "Dein Passwort ist geändert", "Tu contraseña ha cambiado";
    password_set_lead: "All sessions have ended. Log in with the new password.",
        "Alle Sitzungen sind beendet. Melde dich mit dem neuen Passwort an.",
        "Todas las sesiones han terminado. Inicia sesión con la contraseña nueva.";
    bad_link_title: "This link does not work", "Dieser Link gilt nicht", "Este enlace no sirve";
    bad_link: "It was used, it has expired, or something has changed since. Ask for another mail.",
        "Er wurde schon verwendet, ist abgelaufen, oder es hat sich seither etwas geändert. Fordere eine neue Mail an.",
        "Ya se ha usado, ha caducado o algo ha cambiado desde entonces. Pide otro mensaje.";
    bad_mail_code: "The code is wrong, was used or has expired.",
        "Der Code ist falsch, wurde schon verwendet oder ist abgelaufen.",
        "El código no es correcto, ya se ha usado o ha caducado.";
    too_many_mails: "Too many mails were asked for. Try again in {minutes} minutes.",
        "Es wurden zu viele Mails angefordert. Versuche es in {minutes} Minuten noch einmal.",
        "Se han pedido demasiados mensajes. Inténtalo de nuevo en {minutes} minutos.";
    verify_title: "Confirm your e-mail address", "Bestätige deine E-Mail-Adresse", "Confirma tu correo electrónico";
    verify_lead: "Is {email} yours?", "Gehört {email} dir?", "¿Es tuya la dirección {email}?";
    verify_account: "It is then the address of the account {user}.", "Sie ist dann die Adresse des Kontos {user}.",
        "Será entonces la dirección de la cuenta {user}.";
    verify_button: "Yes, confirm it", "Ja, bestätigen", "Sí, confirmar";
    verified_title: "The address is confirmed", "Die Adresse ist bestätigt", "La dirección está confirmada";
    verified_lead: "You can close this page.", "Du kannst diese Seite jetzt schließen.", "Ya puedes cerrar esta página.";
    email_taken: "Another account has this address.", "Ein anderes Konto hat diese Adresse.",
        "Otra cuenta tiene esta dirección.";
    provider_title: "Sign-in with {provider}", "Anmeldung mit {provider}", "Inicio de sesión con {provider}";
    provider_over: "This sign-in is over, or was begun in another browser. Begin again.",
        "Diese Anmeldung ist vorbei oder wurde in einem anderen Browser begonnen. Beginne noch einmal.",
        "Este inicio de sesión ha terminado o empezó en otro navegador. Empieza de nuevo.";
    provider_denied: "You have not agreed there, so nothing has happened.",
        "Du hast dort nicht zugestimmt, also ist nichts geschehen.",
        "No has dado tu consentimiento allí, así que no ha pasado nada.";
    provider_unavailable: "{provider} cannot be reached, or does not answer as it must. Try again later, or log in another way.",
        "{provider} ist nicht erreichbar oder antwortet nicht richtig. Versuche es später noch einmal, oder melde dich anders an.",
        "No se puede contactar con {provider}, o no responde como debe. Inténtalo más tarde o inicia sesión de otra manera.";
    provider_refused: "The answer of {provider} cannot be accepted. Try again, or log in another way.",
        "Die Antwort von {provider} kann nicht angenommen werden. Versuche es noch einmal, oder melde dich anders an.",
        "No se puede aceptar la respuesta de {provider}. Inténtalo de nuevo o inicia sesión de otra manera.";
    provider_claim_missing: "{provider} has not told this site what it needs: {what}. Complete your account there, or ask its administrators.",
        "{provider} hat dieser Seite nicht mitgeteilt, was sie braucht: {what}. Vervollständige dein Konto dort, oder frage dessen Administratoren.",
        "{provider} no ha comunicado a este sitio lo que necesita: {what}. Completa tu cuenta allí o pregunta a sus administradores.";
    claim_username: "a username that can be used here", "einen Benutzernamen, der hier verwendet werden kann",
        "un nombre de usuario que se pueda usar aquí";
    claim_email: "an e-mail address", "eine E-Mail-Adresse", "un correo electrónico";
    claim_name: "your name", "deinen Namen", "tu nombre";
    claim_roles: "your roles", "deine Rollen", "tus roles";
    provider_too_many: "Nothing was linked: your account is linked to {count} services already. Unlink one first.",
        "Es wurde nichts verknüpft: dein Konto ist schon mit {count} Diensten verknüpft. Löse zuerst eine Verknüpfung.",
        "No se ha vinculado nada: tu cuenta ya está vinculada a {count} servicios. Desvincula uno antes.";
    provider_not_linked: "No account here is linked to the one at {provider}. If you have an account here, log in another way: you can then link both.",
        "Mit dem Konto bei {provider} ist hier keines verknüpft. Wenn du hier ein Konto hast, melde dich auf andere Weise an: dann kannst du beide verknüpfen.",
        "Ninguna cuenta de aquí está vinculada a la de {provider}. Si tienes una cuenta aquí, inicia sesión de otra manera: después podrás vincularlas.";
    provider_other_session: "Nothing was linked: this browser is not logged in any more as it was when you began.",
        "Es wurde nichts verknüpft: dieser Browser ist nicht mehr so angemeldet wie am Anfang.",
        "No se ha vinculado nada: este navegador ya no tiene la sesión con la que empezaste.";
    provider_identity_taken: "Nothing was linked: another account is linked to this one at {provider}.",
        "Es wurde nichts verknüpft: mit diesem Konto bei {provider} ist schon ein anderes verknüpft.",
        "No se ha vinculado nada: otra cuenta ya está vinculada a esta de {provider}.";
    too_many_sign_ins: "Too many sign-ins come from your network. Try again in {seconds} seconds.",
        "Aus deinem Netz kommen zu viele Anmeldungen. Versuche es in {seconds} Sekunden noch einmal.",
        "Hay demasiados inicios de sesión desde tu red. Inténtalo de nuevo en {seconds} segundos.";
    provider_continue: "Continue with {provider}", "Mit {provider} weiter", "Continuar con {provider}";
    register_title: "Open an account", "Konto eröffnen", "Abrir una cuenta";
    register_link: "Open an account", "Konto eröffnen", "Abrir una cuenta";
    register_lead: "Type your e-mail address. You will get a mail with a link.",
        "Gib deine E-Mail-Adresse ein. Du bekommst eine Mail mit einem Link.",
        "Escribe tu correo electrónico. Recibirás un mensaje con un enlace.";
    invited_lead: "You are invited to open an account.", "Du bist eingeladen, ein Konto zu eröffnen.",
        "Tienes una invitación para abrir una cuenta.";
    register_sent: "A mail is on its way to {email}. Follow its link, or type its code here. Both work for {minutes} minutes.",
        "Eine Mail an {email} ist unterwegs. Folge dem Link darin, oder gib hier den Code ein. Beide gelten {minutes} Minuten lang.",
        "El mensaje a {email} está en camino. Sigue su enlace o escribe aquí su código. Ambos sirven durante {minutes} minutos.";
    register_prove: "Is {email} yours? Then go on.", "Gehört {email} dir? Dann geht es weiter.",
        "¿Es tuya la dirección {email}? Entonces continúa.";
    register_choose: "Your address is {email}. Choose a username and a password.",
        "Deine Adresse ist {email}. Wähle einen Benutzernamen und ein Passwort.",
        "Tu dirección es {email}. Elige un nombre de usuario y una contraseña.";
    register_choose_alone: "Choose a username and a password.", "Wähle einen Benutzernamen und ein Passwort.",
        "Elige un nombre de usuario y una contraseña.";
    register_choose_name: "Choose a username. Your account needs no password.",
        "Wähle einen Benutzernamen. Dein Konto braucht kein Passwort.",
        "Elige un nombre de usuario. Tu cuenta no necesita contraseña.";
    register_decided: "What you cannot change here is decided by the service that you have signed in with.",
        "Was du hier nicht ändern kannst, bestimmt der Dienst, bei dem du dich angemeldet hast.",
        "Lo que no puedes cambiar aquí lo decide el servicio en el que has iniciado sesión.";
    decided_username_refused: "The service that you have signed in with decides your username, and it is taken here or looks like one that is. Ask the administrators of this site.",
        "Der Dienst, bei dem du dich angemeldet hast, bestimmt deinen Benutzernamen, und der ist hier vergeben oder sieht aus wie ein vergebener. Frage die Administratoren dieser Seite.",
        "El servicio en el que has iniciado sesión decide tu nombre de usuario, y aquí ya está ocupado o se parece a uno ocupado. Pregunta a los administradores de este sitio.";
    register_policy: "At least 8 characters; 15 or more are better.", "Mindestens 8 Zeichen; besser sind 15 oder mehr.",
        "Al menos 8 caracteres; mejor 15 o más.";
    register_button: "Open the account", "Konto eröffnen", "Abrir la cuenta";
    full_name: "Name (optional)", "Name (freiwillig)", "Nombre (opcional)";
    terms: "I accept the terms.", "Ich stimme den Bedingungen zu.", "Acepto las condiciones.";
    terms_link: "Read the terms", "Bedingungen lesen", "Leer las condiciones";
    terms_missing: "To open an account you have to accept the terms.",
        "Um ein Konto zu eröffnen, musst du den Bedingungen zustimmen.",
        "Para abrir una cuenta tienes que aceptar las condiciones.";
    username_taken: "This username is taken. Choose another one.", "Dieser Benutzername ist vergeben. Wähle einen anderen.",
        "Este nombre de usuario ya está ocupado. Elige otro.";
    username_too_similar: "This username looks like one that is taken. Choose another one.",
        "Dieser Benutzername sieht aus wie ein vergebener. Wähle einen anderen.",
        "Este nombre de usuario se parece a uno ocupado. Elige otro.";
    bad_username: "A username has 1 to 128 characters, and no spaces or invisible characters.",
        "Ein Benutzername hat 1 bis 128 Zeichen, keine Leerzeichen und keine unsichtbaren Zeichen.",
        "Un nombre de usuario tiene de 1 a 128 caracteres, sin espacios ni caracteres invisibles.";
    not_your_address: "A username has an @ only if it is your own confirmed e-mail address.",
        "Ein Benutzername hat nur dann ein @, wenn er deine eigene bestätigte E-Mail-Adresse ist.",
        "Un nombre de usuario solo lleva @ si es tu propio correo electrónico confirmado.";
    bad_name: "A name has at most 100 characters, all of them readable.",
        "Ein Name hat höchstens 100 Zeichen, die man alle lesen kann.",
        "Un nombre tiene como máximo 100 caracteres, todos legibles.";
    too_many_choices: "That was refused too often. Try again in {seconds} seconds.",
        "Das wurde zu oft abgelehnt. Versuche es in {seconds} Sekunden noch einmal.",
        "Se ha rechazado demasiadas veces. Inténtalo de nuevo en {seconds} segundos.";
    registered_title: "Your account is ready", "Dein Konto ist bereit", "Tu cuenta está lista";
    registered_lead: "Log in with your username and password.", "Melde dich mit Benutzernamen und Passwort an.",
        "Inicia sesión con tu nombre de usuario y tu contraseña.";
    bad_invitation: "This invitation was used or withdrawn, it has expired, or it is for another address.",
        "Diese Einladung wurde schon verwendet oder zurückgezogen, ist abgelaufen oder gilt für eine andere Adresse.",
        "Esta invitación ya se ha usado o retirado, ha caducado o es para otra dirección.";
    invitation_missing: "You need an invitation to open an account here.",
        "Um hier ein Konto zu eröffnen, brauchst du eine Einladung.",
        "Para abrir una cuenta aquí necesitas una invitación.";
    cancel: "Cancel", "Abbrechen", "Cancelar";
    bad_credentials: "Username or password is wrong.", "Benutzername oder Passwort ist falsch.",
        "El nombre de usuario o la contraseña no son correctos.";
    own_login_first: "This account must have a second factor. Log in with your password to set one up.",
        "Dieses Konto braucht einen zweiten Faktor. Melde dich mit deinem Passwort an, um ihn einzurichten.",
        "Esta cuenta necesita un segundo factor. Inicia sesión con tu contraseña para configurarlo.";
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
    browser_without_passkeys: "This browser has no passkeys.", "Dieser Browser kann keine Passkeys.",
        "Este navegador no admite llaves de acceso.";
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
    enrol_passkey: "Make a passkey instead", "Stattdessen einen Passkey erzeugen", "Crear mejor una llave de acceso";
    recovery_codes_title: "Keep these recovery codes", "Bewahre diese Wiederherstellungscodes auf",
        "Guarda estos códigos de recuperación";
    recovery_codes_lead: "Each code works once, in place of your app or passkey. They are not shown again.",
        "Jeder Code gilt einmal, anstelle deiner App oder deines Passkeys. Sie werden nicht noch einmal gezeigt.",
        "Cada código vale una sola vez, en lugar de tu aplicación o de tu llave de acceso. No se volverán a mostrar.";
    next_code_lead: "Then type the next code that the app shows.", "Gib dann den nächsten Code ein, den die App zeigt.",
        "Después escribe el siguiente código que muestre la aplicación.";
    next_passkey_lead: "Then use your new passkey to go on.", "Verwende dann deinen neuen Passkey, um weiterzumachen.",
        "Después usa tu nueva llave de acceso para continuar.";
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

#[cfg(test)]
mod tests {
    use super::TABLE;
    use crate::model::language::check;

    #[test]
    fn every_language_has_every_text_with_the_same_places_in_it() {
        check(TABLE);
    }
}
