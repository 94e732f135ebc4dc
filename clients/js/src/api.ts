// The service's JSON. Generated from its /openapi.json by `npm run types`.

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description A user's record. */
        Account: components["schemas"]["User"] & {
            /**
             * Format: date-time
             * @description When the account was created.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When the account was disabled; null if it is active.
             */
            disabled_at: string | null;
            /**
             * @description Whether the address is known to be the user's: they have confirmed it, or an administrator has set it. Only then may
             *     the user log in with it, and reset the password.
             */
            email_verified: boolean;
            /**
             * @description What another system called the account before it was imported: there it is the primary key. Null if it was not.
             * @example 42
             */
            external_id: string | null;
        };
        /** @description An active token. */
        ActiveToken: {
            /** @description The claims of a JWT; for an API token its `id` and `sub`, and its current `scope` and `roles`. */
            claims: Record<string, never>;
            /**
             * Format: date-time
             * @description When it expires; null if it does not expire.
             */
            expires_at: string | null;
            /** @description Kind of the token. */
            kind: components["schemas"]["TokenKind"];
        };
        /** @description The process is alive. */
        Alive: {
            /**
             * @description Always `alive`.
             * @example alive
             */
            status: string;
        };
        /**
         * @description A token.
         * @example {
         *       "token": "eyJhbGciOiJFUzI1NiIs..."
         *     }
         */
        AnyToken: {
            /** @description An access token, a refresh token or an API token. */
            token: string;
        };
        /** @description An API token, without its key. */
        ApiToken: {
            /**
             * Format: date-time
             * @description When it was created.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When it expires; null if it does not.
             */
            expires_at: string | null;
            /**
             * Format: uuid
             * @description Id of the API token; it is not the key.
             */
            id: string;
            /**
             * Format: date-time
             * @description When it was last used, to the minute; null if never.
             */
            last_used_at: string | null;
            /**
             * @description The owner's name for it.
             * @example nightly backup
             */
            name: string;
            /**
             * Format: date-time
             * @description When it was revoked; null if it was not.
             */
            revoked_at: string | null;
            /** @description Roles of the API token. They count only as long as the owner has them. */
            roles: components["schemas"]["RoleName"][];
            /** @description Scopes of the API token. */
            scopes: components["schemas"]["ScopeName"][];
            /**
             * Format: uuid
             * @description Session id under which the audit log records its actions, and the `sid` of access tokens that it is exchanged
             *     for.
             */
            session_id: string;
            /** @description Whether it is accepted. */
            state: components["schemas"]["ApiTokenStatus"];
        };
        /**
         * @description Whether an API token is accepted.
         * @enum {string}
         */
        ApiTokenStatus: "active" | "revoked" | "expired";
        /** @description API tokens, newest first. */
        ApiTokens: {
            api_tokens: components["schemas"]["ApiToken"][];
        };
        /** @description How many API tokens were revoked. */
        ApiTokensRevoked: {
            /** @description Number of API tokens that were revoked. */
            api_tokens_revoked: number;
        };
        /** @description An application with access to one's account. */
        Application: {
            /**
             * Format: date-time
             * @description When the user last allowed something to it; `null` when it is the operator's own and does not ask.
             */
            allowed_at: string | null;
            /** @description Its `client_id`. */
            client_id: string;
            /** @description How many of its grants are live. */
            grants: number;
            /** @description What it is called. */
            name: string;
            /** @description What it may do. */
            scopes: components["schemas"]["ClientScopeName"][];
        };
        /** @description The applications with access to one's account. */
        Applications: {
            /** @description By `client_id`. */
            applications: components["schemas"]["Application"][];
        };
        /**
         * @description Who has forgotten the password.
         * @example {
         *       "email": "ada@example.com"
         *     }
         */
        AskForReset: {
            /** @description The e-mail address of the account. */
            email: components["schemas"]["EmailAddress"];
        };
        /** @description A registration that has begun. */
        AskedRegistration: {
            /**
             * @description Keep it: the code of the mail works together with it only. It is a secret.
             * @example q3Yl5pUe6kB1nq8cW0v2xR7mTfD9sGhJzLaKoIiEwNg
             */
            registration: string;
        };
        /** @description What the authenticator says, and its signature. */
        AssertionResponse: {
            /** @description In base64url without padding. */
            authenticatorData: components["schemas"]["Base64Url"];
            /** @description In base64url without padding. */
            clientDataJSON: components["schemas"]["Base64Url"];
            /** @description In base64url without padding. */
            signature: components["schemas"]["Base64Url"];
            userHandle?: components["schemas"]["Base64Url"] | null;
        };
        /** @description What the authenticator says about it. */
        AttestationResponse: {
            /** @description In base64url without padding. */
            attestationObject: components["schemas"]["Base64Url"];
            /** @description In base64url without padding. */
            clientDataJSON: components["schemas"]["Base64Url"];
            /** @description How browsers may reach the authenticator. */
            transports?: string[];
        };
        /**
         * @description All attributes of a user.
         * @example {
         *       "app": {
         *         "billing": {
         *           "plan": "pro"
         *         }
         *       },
         *       "public": {
         *         "theme": "dark"
         *       }
         *     }
         */
        Attributes: {
            /** @description Those that only administrators see and change. */
            app: Record<string, never>;
            /** @description The public attributes: the user sees and changes them, too. */
            public: Record<string, never>;
        };
        /**
         * @description Merge patches ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)): null removes a member, an object changes the members
         *     that it names, and everything else replaces a member.
         * @example {
         *       "app": {
         *         "billing": {
         *           "plan": "pro",
         *           "trial": null
         *         }
         *       }
         *     }
         */
        AttributesChange: {
            /** @description Of the others; null removes all of them. */
            app?: Record<string, never> | null;
            /** @description Of the public attributes; null removes all of them. */
            public?: Record<string, never> | null;
        };
        /**
         * @description How an application proves who it is.
         * @enum {string}
         */
        AuthenticationMethod: "client_secret_basic" | "client_secret_post" | "private_key_jwt" | "none";
        /** @description What a passkey has signed, as a browser sends it. */
        AuthenticationResponse: {
            /** @description The id of the credential, in base64url without padding. */
            id: components["schemas"]["Base64Url"];
            response: components["schemas"]["AssertionResponse"];
            /**
             * @description The kind of a credential.
             * @enum {string}
             */
            type: "public-key";
        };
        /**
         * @description Bytes in base64url without padding.
         * @example AaITdr0h
         */
        Base64Url: string;
        /** @description An access token in a body. */
        BearerForm: {
            /** @description The token, if it is in no header. */
            access_token?: string;
        };
        /**
         * @description What an application is called: not like a user or an audience.
         * @example notes-app
         */
        ChosenClientId: string;
        /**
         * @description A custom claim.
         * @example {
         *       "audiences": [],
         *       "in": [
         *         "access_token"
         *       ],
         *       "name": "plan",
         *       "read_only": false,
         *       "scopes": [],
         *       "source": {
         *         "app_attribute": "/billing/plan"
         *       }
         *     }
         */
        Claim: {
            /** @description Only with one of these audiences of the access token; if there are none, with any. */
            audiences: string[];
            /** @description Where it is. */
            in: components["schemas"]["ClaimPlace"][];
            /** @description What it is called. */
            name: string;
            /** @description Whether it comes from `CLAIMS_FILE` and is changed only there. */
            read_only: boolean;
            /** @description Only with one of these scopes; if there are none, with any. */
            scopes: components["schemas"]["ClientScopeName"][];
            /** @description Where its value comes from. */
            source: components["schemas"]["ClaimSource"];
        };
        /**
         * @description Where a custom claim is.
         * @enum {string}
         */
        ClaimPlace: "access_token" | "id_token" | "userinfo";
        /**
         * @description Where the value of a claim comes from: exactly one of these. Attributes are found by a JSON pointer
         *     ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)), as in `/billing/plan`.
         */
        ClaimSource: {
            /** @description A public attribute of the user, which the user may have set. */
            public_attribute: string;
        } | {
            /** @description An attribute of the user that administrators set. */
            app_attribute: string;
        } | {
            /** @description An attribute of the registered application. */
            client_attribute: string;
        } | {
            /** @description A field of the user's record: `username`, `email`, `email_verified`, `name` or `external_id`. */
            profile: string;
        } | {
            /** @description Always this value. */
            constant: unknown;
        };
        /** @description Custom claims, by name. */
        Claims: {
            claims: components["schemas"]["Claim"][];
        };
        /** @description A registered application, without its secrets. */
        Client: {
            /** @description Attributes whose meaning other services know; custom claims may come from them. */
            attributes: Record<string, never>;
            /** @description The audiences that it may ask for; if none, the first of `AUDIENCE`. */
            audiences: string[];
            /**
             * @description Its `client_id`.
             * @example notes-app
             */
            client_id: string;
            /**
             * @description What users see.
             * @example Notes
             */
            client_name: string;
            /**
             * Format: date-time
             * @description When it was registered.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description Since when it is disabled, if it is.
             */
            disabled_at: string | null;
            /** @description The grants that it may use. */
            grant_types: components["schemas"]["GrantTypeName"][];
            id_token_signed_response_alg: components["schemas"]["SigningAlgorithm"] | null;
            /** @description Its public keys, a JWK Set. */
            jwks: Record<string, never> | null;
            /** @description Where its public keys are. */
            jwks_uri: string | null;
            /** @description Where users may be sent after they have logged out. */
            post_logout_redirect_uris: string[];
            /**
             * @description Where users may be sent with an answer.
             * @example [
             *       "https://notes.example.com/callback"
             *     ]
             */
            redirect_uris: string[];
            /** @description The audiences that it serves; it may introspect tokens for them. */
            resource_servers: string[];
            /** @description The scopes that it may ask for. */
            scopes: components["schemas"]["ClientScopeName"][];
            /** @description Whether the consent page is skipped. */
            skip_consent: boolean;
            /** @description How it authenticates. */
            token_endpoint_auth_method: components["schemas"]["AuthenticationMethod"];
            /**
             * Format: date-time
             * @description When it was last changed.
             */
            updated_at: string;
        };
        /**
         * @description What is to be changed; missing members stay, and null removes the keys, their URL or the algorithm.
         * @example {
         *       "redirect_uris": [
         *         "https://notes.example.com/callback"
         *       ]
         *     }
         */
        ClientChange: {
            /** @description All its attributes; null removes them. */
            attributes?: Record<string, never> | null;
            /** @description The audiences that it may ask for: some of `AUDIENCE`. */
            audiences?: string[];
            /** @description What users see. */
            client_name?: components["schemas"]["Name"];
            /** @description The grants that it may use. */
            grant_types?: components["schemas"]["GrantTypeName"][];
            id_token_signed_response_alg?: components["schemas"]["SigningAlgorithm"] | null;
            /** @description Its public keys, a JWK Set. */
            jwks?: Record<string, never> | null;
            jwks_uri?: components["schemas"]["RedirectUri"] | null;
            /** @description Where users may be sent after they have logged out. */
            post_logout_redirect_uris?: components["schemas"]["RedirectUri"][];
            /** @description Where users may be sent with an answer: `https`, `http` to a loopback address, or a scheme with a dot. */
            redirect_uris?: components["schemas"]["RedirectUri"][];
            /** @description The audiences that it serves: some of `AUDIENCE`. It may introspect tokens for them. */
            resource_servers?: string[];
            /** @description The scopes that it may ask for. */
            scopes?: components["schemas"]["ClientScopeName"][];
            /** @description Whether the consent page is skipped; for the operator's own applications. */
            skip_consent?: boolean;
            /** @description How it authenticates. */
            token_endpoint_auth_method?: components["schemas"]["AuthenticationMethod"];
        };
        /**
         * @description A scope of an application: one of OpenID Connect, or any other.
         * @example openid
         */
        ClientScopeName: string;
        /** @description A token, and how the client proves who it is. */
        ClientToken: {
            /** @description Of a client that authenticates by `private_key_jwt`. */
            client_assertion?: string;
            /** @description Of a client that authenticates by `private_key_jwt`. */
            client_assertion_type?: string;
            /** @description Of a client that does not authenticate by HTTP Basic. */
            client_id?: string;
            /** @description Of a client that authenticates by `client_secret_post`. */
            client_secret?: string;
            /** @description The token. */
            token: string;
            /** @description A hint at the kind of token; it is not needed. */
            token_type_hint?: string;
        };
        /** @description Registered applications, by `client_id`. */
        Clients: {
            clients: components["schemas"]["Client"][];
        };
        /**
         * @description What the mail says: `token` or `code`.
         * @example {
         *       "code": "1234 5678"
         *     }
         */
        ConfirmAddress: {
            /** @description The code in the mail; spaces in it do not matter. */
            code?: string;
            /** @description The last part of the link's path. */
            token?: string;
        } & (unknown | unknown);
        /**
         * @description What the mail says: `token`, or `code` together with `registration`. Without mail: `invitation`. To open the account `username`
         *     and `password`, too.
         * @example {
         *       "password": "a long and unusual sentence",
         *       "token": "q3Yl5pUe6kB1nq8cW0v2xR7mTfD9sGhJzLaKoIiEwNg",
         *       "username": "ada"
         *     }
         */
        ConfirmRegistration: {
            /** @description `false`, together with `"cookies": true`: the access token is in the body, and only the refresh token in a cookie. */
            access_cookie?: boolean;
            /** @description Audience of the access token: one of `AUDIENCE`. Default: the first one. */
            audience?: string | null;
            /**
             * @description The code in the mail; spaces in it do not matter. Once it was right, `registration` is enough.
             * @example 1234 5678
             */
            code?: string;
            /** @description `true`: the tokens go into cookies that no script can read, not into the body. Default: `false`. */
            cookies?: boolean;
            /** @description The last part of an invitation's link, if the service sends no mail. */
            invitation?: string;
            label?: components["schemas"]["DeviceLabel"] | null;
            name?: components["schemas"]["Name"] | null;
            /** @description The password. */
            password?: components["schemas"]["NewPassword"];
            /** @description What the response to `POST /v1/registrations` said. */
            registration?: string;
            /** @description Whether the user accepts the terms. Required to be `true` if `TERMS_URL` is set. */
            terms_accepted?: boolean;
            /** @description The last part of the link's path. */
            token?: string;
            /** @description The name to log in with. */
            username?: components["schemas"]["NewUsername"];
        };
        /**
         * @description What the mail says, and the new password: `token`, or `email` and `code`. If the user has a second factor, `otp` or
         *     `recovery_code`, too.
         * @example {
         *       "new_password": "a long and unusual sentence",
         *       "token": "q3Yl5pUe6kB1nq8cW0v2xR7mTfD9sGhJzLaKoIiEwNg"
         *     }
         */
        ConfirmReset: {
            /**
             * @description The code in the mail; spaces in it do not matter.
             * @example 1234 5678
             */
            code?: string;
            /** @description The address that the mail went to. */
            email?: components["schemas"]["EmailAddress"];
            /** @description The new password. */
            new_password: components["schemas"]["NewPassword"];
            /** @description The code that the authenticator app shows. */
            otp?: string;
            /** @description One of the recovery codes. */
            recovery_code?: string;
            /** @description The last part of the link's path. */
            token?: string;
        };
        /**
         * @description The first code.
         * @example {
         *       "code": "123456"
         *     }
         */
        ConfirmTotp: {
            /** @description The `challenge` of a login that asked for enrolment. Then no token is needed. */
            challenge?: string | null;
            /** @description The code that the authenticator app shows. */
            code: string;
        };
        /**
         * @description What a login waits for: `otp`, `recovery_code` or `assertion`.
         * @example {
         *       "challenge": "q3Yl5pUe6kB1nq8cW0v2xR7mTfD9sGhJzLaKoIiEwNg",
         *       "otp": "123456"
         *     }
         */
        Continue: {
            /** @description `false`, together with `"cookies": true`: the access token is in the body, and only the refresh token in a cookie. */
            access_cookie?: boolean;
            /** @description What a passkey has signed. Its challenge is that of `POST /v1/tokens/passkey/options` with the login's `challenge`. */
            assertion?: components["schemas"]["AuthenticationResponse"];
            /** @description The `challenge` of the response that asked for it. */
            challenge: string;
            /**
             * @description `true`: the tokens go into cookies that no script can read, not into the body. That is also the default if a cookie
             *     authenticated the request that the challenge comes from.
             */
            cookies?: boolean;
            /** @description The code that the authenticator app shows. */
            otp?: string;
            /** @description One of the recovery codes. */
            recovery_code?: string;
        } & (unknown | unknown | unknown);
        /**
         * @description A new API token.
         * @example {
         *       "expires_in": 2592000,
         *       "name": "nightly backup"
         *     }
         */
        CreateApiToken: {
            /**
             * Format: int64
             * @description How long it is valid, in seconds. Default: it does not expire.
             * @example 2592000
             */
            expires_in?: number | null;
            /** @description The owner's name for the API token. */
            name: components["schemas"]["Name"];
            /** @description Roles of the API token: some of its owner's roles. Default: none. */
            roles?: components["schemas"]["RoleName"][];
            /** @description Scopes of the API token: some of `SCOPES`. Default: none. */
            scopes?: components["schemas"]["ScopeName"][];
        };
        /**
         * @description A new application. Missing members get their defaults: `client_secret_basic`, the grant types
         *     `authorization_code` and `refresh_token`, and the scopes `openid`, `profile`, `email` and `offline_access`.
         * @example {
         *       "client_name": "Notes",
         *       "redirect_uris": [
         *         "https://notes.example.com/callback"
         *       ]
         *     }
         */
        CreateClient: {
            /** @description All its attributes; null removes them. */
            attributes?: Record<string, never> | null;
            /** @description The audiences that it may ask for: some of `AUDIENCE`. */
            audiences?: string[];
            /** @description Its `client_id`; generated by default. */
            client_id?: components["schemas"]["ChosenClientId"];
            /** @description What users see. */
            client_name: components["schemas"]["Name"];
            /** @description The grants that it may use. */
            grant_types?: components["schemas"]["GrantTypeName"][];
            id_token_signed_response_alg?: components["schemas"]["SigningAlgorithm"] | null;
            /** @description Its public keys, a JWK Set. */
            jwks?: Record<string, never> | null;
            jwks_uri?: components["schemas"]["RedirectUri"] | null;
            /** @description Where users may be sent after they have logged out. */
            post_logout_redirect_uris?: components["schemas"]["RedirectUri"][];
            /** @description Where users may be sent with an answer: `https`, `http` to a loopback address, or a scheme with a dot. */
            redirect_uris?: components["schemas"]["RedirectUri"][];
            /** @description The audiences that it serves: some of `AUDIENCE`. It may introspect tokens for them. */
            resource_servers?: string[];
            /** @description The scopes that it may ask for. */
            scopes?: components["schemas"]["ClientScopeName"][];
            /** @description Whether the consent page is skipped; for the operator's own applications. */
            skip_consent?: boolean;
            /** @description How it authenticates. */
            token_endpoint_auth_method?: components["schemas"]["AuthenticationMethod"];
        };
        /**
         * @description A new invitation.
         * @example {
         *       "email": "grace@example.com",
         *       "roles": [
         *         "editor"
         *       ]
         *     }
         */
        CreateInvitation: {
            email?: components["schemas"]["EmailAddress"] | null;
            /**
             * Format: int64
             * @description How long it is valid, in seconds. Default: a week.
             */
            expires_in?: number | null;
            /** @description Roles of the account. Default: none. */
            roles?: components["schemas"]["RoleName"][];
        };
        /**
         * @description A new account.
         * @example {
         *       "email": "grace@example.com",
         *       "password": "a long and unusual sentence",
         *       "roles": [
         *         "editor"
         *       ],
         *       "username": "grace"
         *     }
         */
        CreateUser: {
            email?: components["schemas"]["EmailAddress"] | null;
            name?: components["schemas"]["Name"] | null;
            /** @description The first password. */
            password: components["schemas"]["NewPassword"];
            /** @description Roles of the user. Default: none. */
            roles?: components["schemas"]["RoleName"][];
            /** @description The name to log in with; case and Unicode width do not matter. */
            username: components["schemas"]["NewUsername"];
        };
        /**
         * @description Where the value of a claim comes from, and which tokens and responses have it.
         * @example {
         *       "in": [
         *         "access_token",
         *         "userinfo"
         *       ],
         *       "source": {
         *         "app_attribute": "/billing/plan"
         *       }
         *     }
         */
        DefineClaim: {
            /** @description Only with one of these audiences of the access token: some of `AUDIENCE`. Default: with any. */
            audiences?: string[];
            /** @description Where it is. */
            in: components["schemas"]["ClaimPlace"][];
            /** @description Only with one of these scopes. Default: with any. */
            scopes?: components["schemas"]["ClientScopeName"][];
            /** @description Where its value comes from. A user or an application that has none there has no such claim. */
            source: components["schemas"]["ClaimSource"];
        };
        /**
         * @description The user's name for a device: at most 100 characters.
         * @example my laptop
         */
        DeviceLabel: string;
        /**
         * @description An e-mail address. A domain in other characters is accepted too, and turned into its ASCII form.
         * @example grace@example.com
         */
        EmailAddress: string;
        /**
         * @description Why a session ended.
         * @enum {string}
         */
        EndReason: "logout" | "revoked" | "admin" | "password_changed" | "user_disabled" | "reuse" | "shared" | "idle" | "absolute_end";
        /**
         * @description Who enrols: a logged-in user, or one whose login waits for it.
         * @example {}
         */
        Enrol: {
            /** @description The `challenge` of a login that asked for enrolment. Then no token is needed. */
            challenge?: string | null;
        };
        /** @description A security event. */
        Event: {
            /**
             * Format: uuid
             * @description The user who caused it; null before a login and on the command line.
             */
            actor_id: string | null;
            /**
             * Format: date-time
             * @description When it happened.
             */
            at: string;
            /** @description More details, as text; null if there are none. */
            detail: string | null;
            /**
             * Format: int64
             * @description Number of the event. Later events have higher numbers.
             */
            id: number;
            /**
             * @description IP address of the client; null if there is none.
             * @example 192.0.2.7
             */
            ip: string | null;
            /** @description What happened. */
            name: components["schemas"]["EventName"];
            /**
             * @description Id of the request that caused it, as in the `X-Request-Id` of its response; null if there is none.
             * @example k3x9Qm2ZAAAAAAAA
             */
            request_id: string | null;
            /**
             * Format: uuid
             * @description The session that it is about or that caused it; null if there is none.
             */
            session_id: string | null;
            /**
             * Format: uuid
             * @description The user that it is about; null if there is none.
             */
            user_id: string | null;
        };
        /**
         * @description What happened. The meaning of a name never changes.
         * @enum {string}
         */
        EventName: "login" | "login_failed" | "grant_opened" | "code_reused" | "legacy_token_taken" | "legacy_token_denied" | "reauthenticated" | "reauthentication_failed" | "logout" | "session_ended" | "sessions_ended" | "refresh_token_reused" | "session_healed" | "session_shared" | "access_token_revoked" | "password_changed" | "password_reset" | "password_reset_requested" | "password_recovered" | "address_verification_sent" | "address_verified" | "profile_changed" | "attributes_changed" | "user_created" | "registration_requested" | "registration_withdrawn" | "invitation_created" | "invitation_used" | "invitation_withdrawn" | "user_disabled" | "user_enabled" | "user_deleted" | "users_imported" | "roles_changed" | "consent_given" | "consent_revoked" | "factor_added" | "factor_removed" | "factors_reset" | "identity_added" | "identity_removed" | "recovery_codes_made" | "recovery_code_used" | "second_factor_asked" | "second_factor_failed" | "passkey_counter_back" | "api_token_created" | "api_token_rotated" | "api_token_revoked" | "client_created" | "client_updated" | "client_secret_rotated" | "client_disabled" | "client_enabled" | "client_deleted" | "claim_defined" | "claim_deleted" | "provider_created" | "provider_updated" | "provider_disabled" | "provider_enabled" | "provider_deleted" | "key_rotated" | "key_dropped" | "database_restored";
        /** @description Events, newest first. */
        Events: {
            events: components["schemas"]["Event"][];
            /** @description Pass it as `cursor` to get the next page; null on the last page. */
            next_cursor: string | null;
        };
        /**
         * @description The access token that is wanted.
         * @example {}
         */
        Exchange: {
            /** @description Audience of the access token: one of `AUDIENCE`. Default: the first one. */
            audience?: string | null;
        };
        /** @description An access token for an API token. */
        ExchangedToken: {
            /** @description Sent as `Authorization: Bearer` to any service that accepts our access tokens. */
            access_token: string;
            /**
             * Format: int64
             * @description How long it is valid, in seconds.
             * @example 300
             */
            expires_in: number;
            /** @description Scopes of the token, separated by spaces. */
            scope?: string;
            /** @description How the token is sent. */
            token_type: components["schemas"]["TokenType"];
        };
        /**
         * @description What is wrong with a field.
         * @enum {string}
         */
        FieldCode: "invalid" | "password_too_short" | "password_too_long" | "password_too_common";
        /** @description A field that is not valid. */
        FieldProblem: {
            /** @description What is wrong, for programs. */
            code: components["schemas"]["FieldCode"];
            /** @description Name of the field. */
            field: string;
            /** @description What is expected, for people. */
            message: string;
        };
        /**
         * @description A grant that an application may use.
         * @enum {string}
         */
        GrantTypeName: "authorization_code" | "refresh_token" | "client_credentials";
        /** @description Identities, newest first. */
        Identities: {
            identities: components["schemas"]["Identity"][];
        };
        /** @description What the access token says about its bearer. */
        Identity: {
            /**
             * Format: date-time
             * @description When the user last gave the password; null if there was no login.
             */
            authenticated_at: string | null;
            /**
             * @description `first-party` after a login, or `api-token` if the token comes from an API token.
             * @example first-party
             */
            client_id: string;
            /**
             * Format: date-time
             * @description When the token expires.
             */
            expires_at: string;
            /** @description The user. */
            id: string;
            /** @description Roles of the user. */
            roles: components["schemas"]["RoleName"][];
            /** @description Scopes of the token, separated by spaces. */
            scope?: string;
            /**
             * Format: uuid
             * @description The session that the token belongs to; null if there is none.
             */
            session_id: string | null;
        };
        /**
         * @description Whether a token is active, and what it says if it is: its other claims are there, too
         *     ([RFC 7662 section 2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2)).
         */
        Introspection: {
            /** @description Whether the token is active. If it is not, there is nothing else. */
            active: boolean;
            /** @description The client that the token was issued to. */
            client_id?: string;
            /**
             * Format: int64
             * @description When it expires, in seconds since 1970.
             */
            exp?: number;
            /**
             * Format: int64
             * @description When it was issued, in seconds since 1970.
             */
            iat?: number;
            /** @description The issuer. */
            iss?: string;
            /** @description Scopes, separated by spaces. */
            scope?: string;
            /** @description The user, or the client itself. */
            sub?: string;
            /** @description `Bearer`, for what resource servers accept. */
            token_type?: string;
        };
        /** @description An invitation. Its link is not stored. */
        Invitation: {
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /**
             * Format: uuid
             * @description Id of the administrator who made it; null if it was made on the command line.
             */
            created_by: string | null;
            /** @description The only address that may be registered with it; null if it may be any. */
            email: string | null;
            /**
             * Format: date-time
             * @description When it expires.
             */
            expires_at: string;
            /**
             * Format: uuid
             * @description Id of the invitation.
             */
            id: string;
            /** @description Roles of the account. */
            roles: components["schemas"]["RoleName"][];
            /**
             * Format: date-time
             * @description When it was used; null if it was not.
             */
            used_at: string | null;
            /**
             * Format: uuid
             * @description Id of the account that was opened with it; null if it was not used.
             */
            used_by: string | null;
        };
        /** @description Invitations, newest first. */
        Invitations: {
            invitations: components["schemas"]["Invitation"][];
            /** @description Pass it as `cursor` to get the next page; null on the last page. */
            next_cursor: string | null;
        };
        /** @description A JWK Set ([RFC 7517 section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)). */
        JwkSet: {
            /** @description The public keys. */
            keys: Record<string, never>[];
        };
        /**
         * @description A login with username and password.
         * @example {
         *       "label": "my laptop",
         *       "password": "correct horse battery staple",
         *       "username": "ada"
         *     }
         */
        Login: {
            /** @description `false`, together with `"cookies": true`: the access token is in the body, and only the refresh token in a cookie. */
            access_cookie?: boolean;
            /** @description Audience of the access token: one of `AUDIENCE`. Default: the first one. */
            audience?: string | null;
            /** @description `true`: the tokens go into cookies that no script can read, not into the body. Default: `false`. */
            cookies?: boolean;
            label?: components["schemas"]["DeviceLabel"] | null;
            /**
             * @description Required, unless it comes as HTTP Basic.
             * @example correct horse battery staple
             */
            password: string;
            /**
             * @description Required, unless it comes as HTTP Basic.
             * @example ada
             */
            username: string;
        };
        /**
         * @description Which sessions to end.
         * @example {
         *       "keep_current": true
         *     }
         */
        LogoutAll: {
            /** @description `true` keeps the session of the access token. Default: `false`. */
            keep_current?: boolean;
        };
        /** @description A name for people: 1 to 100 characters, at least one of them visible. */
        Name: string;
        /** @description An API token with its key, which is shown only once. */
        NewApiToken: components["schemas"]["ApiToken"] & {
            /**
             * @description The key, sent as `Authorization: Token` or `Bearer`. It cannot be shown again.
             * @example tks_abcdefghijkmnpqrstuvwxyz23456789abcdefghijkmnpq
             */
            key: string;
        };
        /** @description A registered application with its secret, which is shown only now. */
        NewClient: components["schemas"]["Client"] & {
            /**
             * @description It cannot be shown again. Missing when the application has none.
             * @example tkc_abcdefghijkmnpqrstuvwxyz23456789abcdefghijkmnpqrstuvwxyz234
             */
            client_secret?: string;
        };
        /** @description An invitation with its link, which is shown only now. */
        NewInvitation: components["schemas"]["Invitation"] & {
            /** @description The page that its holder opens. */
            link: string;
            /** @description Whether the address gets a mail, with a link of its own. */
            mailed: boolean;
            /** @description The last part of the link. */
            token: string;
        };
        /** @description A passkey that is registered now. */
        NewPasskey: components["schemas"]["Passkey"] & {
            /**
             * @description Ten codes. Each works once, in place of another second factor. They come only with the first second factor of an account,
             *     and are shown only here.
             * @example [
             *       "abcd-efgh-jkmn-pqrs"
             *     ]
             */
            recovery_codes?: string[];
        };
        /**
         * @description A password: 8 to 1024 characters (15 or more are recommended), not easy to guess.
         * @example a long and unusual sentence
         */
        NewPassword: string;
        /**
         * @description A name to log in with: 1 to 128 characters, without white space, control characters or invisible characters. Case and Unicode width do not matter.
         * @example grace
         */
        NewUsername: string;
        /** @description An error ([RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)). */
        OAuthError: {
            /** @description The registered code. */
            error: string;
            /** @description What is wrong with this request, for the developer of the client. */
            error_description: string;
        };
        /** @description A user's record, as they see it. */
        OwnAccount: components["schemas"]["Account"] & {
            /** @description Whether there is a password. A user without one, who logs in another way, sets it as one that was forgotten. */
            has_password: boolean;
            /**
             * @description The address that waits to be confirmed, by a mail that was sent to it; null if there is none. The one in `email` stays
             *     in force until then.
             * @example ada@example.org
             */
            pending_email: string | null;
        };
        /**
         * @description The attributes that users see and change themselves.
         * @example {
         *       "public": {
         *         "theme": "dark"
         *       }
         *     }
         */
        OwnAttributes: {
            /** @description The public attributes. */
            public: Record<string, never>;
        };
        /**
         * @description A merge patch ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)), as for administrators.
         * @example {
         *       "public": {
         *         "nickname": null,
         *         "theme": "dark"
         *       }
         *     }
         */
        OwnAttributesChange: {
            /** @description Of the public attributes; null removes all of them. */
            public?: Record<string, never> | null;
        };
        /** @description A passkey. */
        Passkey: {
            /**
             * Format: date-time
             * @description When it was registered.
             */
            created_at: string;
            /** @description Id of the credential, as browsers know it, in base64url without padding. */
            credential_id: string;
            /**
             * Format: uuid
             * @description Id of the passkey.
             */
            id: string;
            /**
             * Format: date-time
             * @description When it was last used; null if never.
             */
            last_used_at: string | null;
            /**
             * @description The owner's name for it.
             * @example my laptop
             */
            name: string;
            /** @description Whether there are copies, as on all devices of its owner. */
            synced: boolean;
        };
        /** @description What a browser needs to make a passkey. */
        PasskeyCreation: {
            /** @description For `PublicKeyCredential.parseCreationOptionsFromJSON`. */
            publicKey: Record<string, never>;
        };
        /** @description Where users manage their passkeys. */
        PasskeyEndpoints: {
            /** @description The page where one is made. */
            enroll: string;
            /** @description The page where they are listed. */
            manage: string;
        };
        /**
         * @description A login by a passkey.
         * @example {
         *       "assertion": {
         *         "id": "ihNnAXeW",
         *         "response": {
         *           "authenticatorData": "SZYN5YgO",
         *           "clientDataJSON": "eyJ0eXBlIjoi",
         *           "signature": "MEUCIQDk",
         *           "userHandle": "AaITdr0h"
         *         },
         *         "type": "public-key"
         *       }
         *     }
         */
        PasskeyLogin: {
            /** @description `false`, together with `"cookies": true`: the access token is in the body, and only the refresh token in a cookie. */
            access_cookie?: boolean;
            /** @description What the browser returns, by `toJSON()`. */
            assertion: components["schemas"]["AuthenticationResponse"];
            /** @description Audience of the access token: one of `AUDIENCE`. Default: the first one. */
            audience?: string | null;
            /** @description `true`: the tokens go into cookies that no script can read, not into the body. Default: `false`. */
            cookies?: boolean;
            label?: components["schemas"]["DeviceLabel"] | null;
        };
        /**
         * @description Who registers a passkey: a logged-in user, or one whose login waits for it.
         * @example {}
         */
        PasskeyOffer: {
            /** @description The `challenge` of a login that asked for enrolment. Then no token is needed. */
            challenge?: string | null;
            /**
             * @description `true`: the browser may make the passkey by itself, right after a login by password (`mediation: "conditional"`). Then
             *     the user need not be verified. Default: `false`.
             */
            conditional?: boolean;
        };
        /**
         * @description What the passkey is for.
         * @example {}
         */
        PasskeyQuestion: {
            /** @description The `challenge` of a login that waits for its second step. Default: a login without a username. */
            challenge?: string | null;
        };
        /** @description What a browser needs to use a passkey. */
        PasskeyRequest: {
            /** @description For `PublicKeyCredential.parseRequestOptionsFromJSON`. */
            publicKey: Record<string, never>;
        };
        /** @description Passkeys, newest first. */
        Passkeys: {
            passkeys: components["schemas"]["Passkey"][];
        };
        /**
         * @description The current password and the new one.
         * @example {
         *       "current_password": "correct horse battery staple",
         *       "new_password": "a long and unusual sentence"
         *     }
         */
        PasswordChange: {
            /** @description The current password. */
            current_password: string;
            /** @description The new password. */
            new_password: components["schemas"]["NewPassword"];
        };
        /**
         * @description A new password.
         * @example {
         *       "password": "a long and unusual sentence"
         *     }
         */
        PasswordReset: {
            /** @description The new password. */
            password: components["schemas"]["NewPassword"];
        };
        /** @description An error ([RFC 9457 section 3](https://www.rfc-editor.org/rfc/rfc9457#section-3)). */
        Problem: {
            /** @description At a login that needs another step: what the next step names. */
            challenge?: string;
            /** @description What is wrong. For programs; it does not change. */
            code: components["schemas"]["ProblemCode"];
            /** @description What is wrong with this request. For people; the text may change. */
            detail: string;
            /** @description Which fields are not valid. */
            errors?: components["schemas"]["FieldProblem"][];
            /** @description At a login that needs another step: how the user may prove who they are. */
            methods?: components["schemas"]["SecondFactor"][];
            /** @description Why the session has ended. */
            reason?: components["schemas"]["EndReason"];
            /** @description The id of the request in the log. */
            request_id: string;
            /**
             * Format: int32
             * @description The HTTP status of the response.
             */
            status: number;
            /** @description The meaning of the code in a few words. */
            title: string;
            /** @description `urn:tokensmith:problem:` followed by the code. */
            type: string;
        };
        /**
         * @description What is wrong with a request. The meaning of a code never changes.
         * @enum {string}
         */
        ProblemCode: "access_token_missing" | "account_disabled" | "api_token_expired" | "api_token_malformed" | "api_token_not_found" | "api_token_revoked" | "api_token_unknown" | "application_token" | "bad_challenge" | "bad_credentials" | "bad_invitation" | "bad_mail_token" | "basic_auth_off" | "body_too_large" | "claim_locked" | "claim_read_only" | "claim_unknown" | "client_id_taken" | "client_unknown" | "client_without_secret" | "csrf_refused" | "data_key_unavailable" | "database_unavailable" | "email_missing" | "email_taken" | "factor_not_found" | "identity_not_found" | "identity_taken" | "internal_error" | "invalid_client" | "invalid_fields" | "invalid_grant" | "invalid_request" | "invalid_scope" | "invalid_target" | "invitation_required" | "invitation_unknown" | "key_conflict" | "key_unknown" | "last_admin" | "last_way_in" | "mail_off" | "malformed_json" | "method_not_allowed" | "not_found" | "origin_not_allowed" | "otp_locked" | "overloaded" | "passkey_challenge_over" | "passkey_counter_back" | "passkey_not_found" | "passkey_not_verified" | "passkey_refused" | "passkey_taken" | "passkey_unknown" | "passkeys_off" | "provider_refused" | "provider_unavailable" | "provider_unknown" | "reauthentication_required" | "refresh_cookie_missing" | "refresh_token_reused" | "registration_off" | "registration_unknown" | "request_timeout" | "role_missing" | "scope_missing" | "second_factor_enrolment_required" | "second_factor_required" | "session_cookies_off" | "session_ended" | "session_not_found" | "session_required" | "session_unknown" | "token_bad_signature" | "token_expired" | "token_malformed" | "token_not_yet_valid" | "token_revoked" | "token_unknown_key" | "token_wrong_algorithm" | "token_wrong_audience" | "token_wrong_issuer" | "token_wrong_type" | "too_many_api_tokens" | "too_many_claims" | "too_many_failures" | "too_many_identities" | "too_many_mails" | "too_many_passkeys" | "unauthorized_client" | "unsupported_grant_type" | "unsupported_media_type" | "user_unknown" | "username_taken" | "username_too_similar" | "wrong_client" | "wrong_otp" | "wrong_password" | "wrong_recovery_code";
        /**
         * @description A change of a user's record. A missing field is not changed; null removes the e-mail address or the name.
         * @example {
         *       "name": "Ada Lovelace"
         *     }
         */
        ProfileChange: {
            email?: components["schemas"]["EmailAddress"] | null;
            name?: components["schemas"]["Name"] | null;
            /** @description The name to log in with. */
            username?: components["schemas"]["NewUsername"];
        };
        /** @description An address that is proved. */
        ProvedRegistration: {
            /** @description The address; null if there is none. */
            email: string | null;
            /** @description Whether the account will have it as a confirmed one. */
            email_verified: boolean;
            /** @description Where the terms are that must be accepted; null if there are none. */
            terms_url: string | null;
        };
        /** @description The service is ready for requests. */
        Ready: {
            /**
             * @description Always `reachable`.
             * @example reachable
             */
            database: string;
            /** @description Number of signing keys that are loaded. */
            keys: number;
            /**
             * @description Always `ready`.
             * @example ready
             */
            status: string;
        };
        /**
         * @description The password, or what a passkey has signed.
         * @example {
         *       "password": "correct horse battery staple"
         *     }
         */
        Reauthenticate: {
            /** @description `false`: if the tokens go into cookies, the access token is in the body all the same. */
            access_cookie?: boolean;
            /** @description What a passkey has signed. Its challenge is that of `POST /v1/tokens/passkey/options`. */
            assertion?: components["schemas"]["AuthenticationResponse"];
            /** @description `true`: the tokens go into cookies. That is also the default if a cookie authenticates the request. */
            cookies?: boolean;
            /** @description The password. */
            password?: string;
        } & (unknown | unknown);
        /** @description New recovery codes. */
        RecoveryCodes: {
            /**
             * @description Ten codes. Each works once, in place of a code of the app or a passkey. They are shown only here; older ones are void.
             * @example [
             *       "abcd-efgh-jkmn-pqrs"
             *     ]
             */
            recovery_codes: string[];
        };
        /**
         * @description A whole URI, without a fragment and without a user.
         * @example https://notes.example.com/callback
         */
        RedirectUri: string;
        /**
         * @description The refresh token to use.
         * @example {
         *       "refresh_token": "eyJhbGciOiJIUzI1NiIs..."
         *     }
         */
        Refresh: {
            /** @description `false`, together with `"cookies": true`: the access token is in the body, and only the refresh token in a cookie. */
            access_cookie?: boolean;
            /** @description Audience of the access token: one of `AUDIENCE`. Default: the audience of the login. */
            audience?: string | null;
            /** @description `true`: the refresh token is in a cookie, and the new tokens go into cookies. Default: `false`. */
            cookies?: boolean;
            /** @description The refresh token. Required, unless it is in a cookie and `cookies` is `true`. */
            refresh_token?: string;
        } | unknown | {
            /** @constant */
            cookies: true;
        };
        /**
         * @description Who wants to register.
         * @example {
         *       "email": "ada@example.com"
         *     }
         */
        Register: {
            /** @description The e-mail address. */
            email: components["schemas"]["EmailAddress"];
            /** @description The last part of an invitation's link. Required if `REGISTRATION` is `invite`. */
            invitation?: string;
        };
        /**
         * @description A passkey that a browser has made.
         * @example {
         *       "credential": {
         *         "response": {
         *           "attestationObject": "o2NmbXRk",
         *           "clientDataJSON": "eyJ0eXBlIjoi"
         *         },
         *         "type": "public-key"
         *       },
         *       "name": "my laptop"
         *     }
         */
        RegisterPasskey: {
            /** @description The `challenge` of a login that asked for enrolment. Then no token is needed. */
            challenge?: string | null;
            /** @description What the browser returns, by `toJSON()`. */
            credential: components["schemas"]["RegistrationResponse"];
            name?: components["schemas"]["Name"] | null;
        };
        /** @description A registration that is not finished. */
        Registration: {
            /**
             * Format: date-time
             * @description When it began.
             */
            created_at: string;
            /** @description The address; null if there is none. */
            email: string | null;
            /**
             * Format: date-time
             * @description When it expires.
             */
            expires_at: string;
            /**
             * Format: uuid
             * @description Id of the registration.
             */
            id: string;
            /**
             * Format: uuid
             * @description Id of the invitation that it relies on; null if there is none.
             */
            invitation_id: string | null;
            /**
             * Format: date-time
             * @description When the address was proved; null if it is not.
             */
            proved_at: string | null;
            /** @description The provider who knows the user; null if the user registers by an address. */
            provider: string | null;
        };
        /** @description A new passkey, as a browser sends it. */
        RegistrationResponse: {
            response: components["schemas"]["AttestationResponse"];
            /**
             * @description The kind of a credential.
             * @enum {string}
             */
            type: "public-key";
        };
        /** @description Registrations that are not finished, newest first. */
        Registrations: {
            /** @description Pass it as `cursor` to get the next page; null on the last page. */
            next_cursor: string | null;
            registrations: components["schemas"]["Registration"][];
        };
        /**
         * @description Another name for a passkey.
         * @example {
         *       "name": "my laptop"
         *     }
         */
        RenamePasskey: {
            /** @description The owner's name for it. */
            name: components["schemas"]["Name"];
        };
        /**
         * @description The name of a role.
         * @example editor
         */
        RoleName: string;
        /**
         * @description Roles.
         * @example {
         *       "roles": [
         *         "editor"
         *       ]
         *     }
         */
        Roles: {
            /** @description All roles of the user, including those that stay. */
            roles: components["schemas"]["RoleName"][];
        };
        /**
         * @description Which key to create or drop.
         * @example {
         *       "alg": "ES256"
         *     }
         */
        RotateKeys: {
            alg?: components["schemas"]["SigningAlgorithm"] | null;
            /** @description `true` drops a leaked key now. Sessions whose refresh token it signed end. Default: `false`. */
            emergency?: boolean;
            /** @description The `kid` of the key to drop. Default: the active key. Only with `emergency`. */
            kid?: string | null;
        };
        /**
         * @description What happens to the secret before the new one.
         * @example {
         *       "end_old_secret": true
         *     }
         */
        RotateSecret: {
            /** @description Refuse it at once, instead of accepting it for a day. */
            end_old_secret?: boolean;
        };
        /** @description A registered application with another secret, which is shown only now. */
        RotatedClient: components["schemas"]["NewClient"] & {
            /**
             * Format: date-time
             * @description Until when the secret before it is valid, if it is.
             */
            old_secret_expires_at: string | null;
        };
        /**
         * @description The name of a scope.
         * @example notes:read
         */
        ScopeName: string;
        /**
         * @description What a user may show besides the password.
         * @enum {string}
         */
        SecondFactor: "otp" | "recovery_code";
        /** @description A session: one login on one device. */
        Session: {
            /**
             * Format: date-time
             * @description When the password was last given for it.
             */
            authenticated_at: string;
            /**
             * @description The registered application that it belongs to; null for a login.
             * @example null
             */
            client_id: string | null;
            /**
             * Format: date-time
             * @description When it was opened.
             */
            created_at: string;
            /** @description Whether it is the session of the request's access token. */
            current: boolean;
            end_reason: components["schemas"]["EndReason"] | null;
            /**
             * Format: date-time
             * @description When it ended; null if it is live.
             */
            ended_at: string | null;
            /**
             * Format: date-time
             * @description When it ends if it is not refreshed.
             */
            expires_at: string;
            /**
             * Format: uuid
             * @description Id of the session, which is the `sid` of its tokens.
             */
            id: string;
            /**
             * @description IP address of the login; null if it is not known.
             * @example 192.0.2.7
             */
            ip: string | null;
            /**
             * @description The user's name for the device; null if none was given.
             * @example my laptop
             */
            label: string | null;
            /**
             * Format: date-time
             * @description When it was last refreshed; null if never.
             */
            last_refreshed_at: string | null;
            /**
             * @description `User-Agent` at the login; null if there was none.
             * @example curl/8.5.0
             */
            user_agent: string | null;
        };
        /** @description Sessions, newest first. */
        Sessions: {
            /** @description Pass it as `cursor` to get the next page; null on the last page. */
            next_cursor: string | null;
            sessions: components["schemas"]["Session"][];
        };
        /** @description How many sessions ended. */
        SessionsEnded: {
            /** @description Number of sessions that ended. */
            sessions_ended: number;
        };
        /**
         * @description An algorithm that access tokens are signed with.
         * @enum {string}
         */
        SigningAlgorithm: "ES256" | "EdDSA" | "RS256";
        /** @description A signing key, without its private part and its file. */
        SigningKey: {
            /**
             * Format: date-time
             * @description When it starts to sign; null if that is not known.
             */
            active_from: string | null;
            /** @description Signing algorithm of the key. */
            alg: components["schemas"]["SigningAlgorithm"];
            /** @description Whether its file is encrypted. */
            encrypted: boolean;
            /** @description Key id: the thumbprint of RFC 7638. */
            kid: string;
            /**
             * Format: date-time
             * @description When it is removed; null if that is not known.
             */
            removed_at: string | null;
            /**
             * Format: date-time
             * @description When it stops signing; null if that is not known.
             */
            retired_at: string | null;
            /** @description Current state of the key. */
            state: components["schemas"]["SigningKeyState"];
        };
        /**
         * @description State of a signing key.
         * @enum {string}
         */
        SigningKeyState: "next" | "active" | "retired" | "unused";
        /** @description The signing keys, oldest first. */
        SigningKeys: {
            keys: components["schemas"]["SigningKey"][];
        };
        /** @description The signing keys after one was created or dropped. */
        SigningKeysRotated: {
            keys: components["schemas"]["SigningKey"][];
            /**
             * Format: int64
             * @description About how many sessions ended because their key was dropped; null if no key was dropped or the database is down.
             */
            sessions_ended: number | null;
        };
        /**
         * @description Kind of a token.
         * @enum {string}
         */
        TokenKind: "access_token" | "refresh_token" | "api_token";
        /**
         * @description The response of [RFC 6749 section 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1), with additional members
         *     that save a client a clock and a second request.
         */
        TokenPair: {
            /**
             * @description The access token, sent as `Authorization: Bearer`.
             *     Missing if it is in a cookie.
             */
            access_token?: string;
            /**
             * Format: int64
             * @description How long the access token is valid, in seconds.
             * @example 300
             */
            expires_in: number;
            /**
             * Format: int64
             * @description When the client should refresh, in seconds from now.
             * @example 204
             */
            refresh_after: number;
            /**
             * Format: int64
             * @description How long the refresh token is valid, in seconds.
             * @example 1209600
             */
            refresh_expires_in: number;
            /**
             * Format: int64
             * @description Generation of the refresh token. Of two pairs of one session, the one with the higher number is newer.
             * @example 1
             */
            refresh_generation: number;
            /** @description The refresh token, for `POST /v1/tokens/refresh`. Missing if it is in a cookie. */
            refresh_token?: string;
            /** @description Scopes of the access token, separated by spaces. */
            scope?: string;
            /**
             * Format: uuid
             * @description Id of the session.
             */
            session_id: string;
            /** @description How the access token is sent. Missing if it is in a cookie. */
            token_type?: components["schemas"]["TokenType"];
            /** @description The user of the session. */
            user: components["schemas"]["User"];
        };
        /**
         * @description What a client presents for tokens, and how it proves who it is
         *     ([RFC 6749 section 4.1.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3)).
         */
        TokenRequest: {
            /** @description Of a client that authenticates by `private_key_jwt`. */
            client_assertion?: string;
            /** @description Of a client that authenticates by `private_key_jwt`. */
            client_assertion_type?: string;
            /** @description Of a client that does not authenticate by HTTP Basic. */
            client_id?: string;
            /** @description Of a client that authenticates by `client_secret_post`. */
            client_secret?: string;
            /** @description With `authorization_code`. */
            code?: string;
            /** @description With `authorization_code` (RFC 7636). */
            code_verifier?: string;
            /**
             * @description `authorization_code`, `refresh_token` or `client_credentials`.
             * @example client_credentials
             */
            grant_type: string;
            /** @description With `authorization_code`: that of the authorization request. */
            redirect_uri?: string;
            /** @description With `refresh_token`. */
            refresh_token?: string;
            /** @description The audience of the access token (RFC 8707). */
            resource?: string;
            /** @description Fewer scopes than were granted; with `client_credentials` some of those that the client may ask for. */
            scope?: string;
        };
        /**
         * @description How an access token is sent.
         * @enum {string}
         */
        TokenType: "Bearer";
        /** @description Tokens ([RFC 6749 section 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)). */
        Tokens: {
            /** @description For `Authorization: Bearer`. */
            access_token: string;
            /**
             * Format: int64
             * @description How long it is valid, in seconds.
             * @example 300
             */
            expires_in: number;
            /** @description The ID token, with the scope `openid`. */
            id_token?: string;
            /** @description The refresh token, if the client may have one. */
            refresh_token?: string;
            /** @description What the access token may be used for, with spaces between. */
            scope?: string;
            /** @description Always `Bearer`. */
            token_type: components["schemas"]["TokenType"];
        };
        /** @description A secret for an authenticator app. */
        TotpSecret: {
            /** @description A picture of it in SVG, for apps with a camera. */
            qr_svg: string;
            /**
             * @description The secret in base32, for people who type it.
             * @example GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ
             */
            secret: string;
            /**
             * @description The same for apps on this device
             *     ([Key Uri Format](https://github.com/google/google-authenticator/wiki/Key-Uri-Format)).
             * @example otpauth://totp/tokensmith:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=tokensmith
             */
            uri: string;
        };
        /** @description A user. */
        User: {
            /**
             * @description E-mail address of the user; null if there is none.
             * @example ada@example.com
             */
            email: string | null;
            /**
             * Format: uuid
             * @description Id of the user, which is the `sub` of the user's tokens.
             */
            id: string;
            /**
             * @description Full name of the user; null if there is none.
             * @example Ada Lovelace
             */
            name: string | null;
            /** @description Roles of the user. */
            roles: components["schemas"]["RoleName"][];
            /**
             * @description The name to log in with.
             * @example ada
             */
            username: string;
        };
        /** @description A user ([OpenID Connect Core section 5.1](https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims)). */
        UserInfo: {
            /** @description With the scope `email`: the e-mail address, if there is one. */
            email?: string;
            /** @description With the scope `email`: whether the address is known to be the user's. */
            email_verified?: boolean;
            /** @description With the scope `profile`: the name, if there is one. */
            name?: string;
            /** @description With the scope `profile`: the username. */
            preferred_username?: string;
            /** @description With the scope `roles`: what the user may do. */
            roles?: string[];
            /** @description The user's id. */
            sub: string;
        } & {
            [key: string]: unknown;
        };
        /** @description Users, sorted by username. */
        Users: {
            /** @description Pass it as `cursor` to get the next page; null on the last page. */
            next_cursor: string | null;
            users: components["schemas"]["Account"][];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
