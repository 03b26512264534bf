package failure

var fixHTTP = []string{"Open the URL of the message from the worker and compare the answer.", "Check URL, method, headers and credentials in the connector's configuration."}

// HTTP statuses, printed by HTTP sinks and by the clients of every service behind HTTP.
var httpRules = []rule{
	{
		Pattern: Pattern{
			ID: "http-unauthorized", Messages: []string{"401 unauthorized", "unauthorized (401)", "(401)", "httpunauthorized", "407 proxy authentication"}, Class: ClassAuthentication, Advice: AdviceAfterChange,
			Summary: "The server[ {host}] refused the credentials: HTTP 401.", Remedies: []string{"Check user, password, token or key of the connector; they may have expired.", "Check the kind of authentication the server asks for."}, Source: "RFC 9110 15.5.2",
		}, weight: weightPlatform, codes: []string{"http 401", "http 407"},
	},
	{
		Pattern: Pattern{
			ID: "http-forbidden", Messages: []string{"403 forbidden", "forbidden (403)", "(403)"}, Class: ClassAuthorization, Advice: AdviceAfterChange,
			Summary: "The server[ {host}] does not allow the request: HTTP 403.", Remedies: []string{"Give the user or key of the connector the right the request needs.", "Check firewalls, proxies and allow-lists in between."}, Source: "RFC 9110 15.5.4",
		}, weight: weightPlatform, codes: []string{"http 403", "http 451"},
	},
	{
		Pattern: Pattern{
			ID: "http-not-found", Messages: []string{"404 not found", "(404)", "405 method not allowed"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "The server[ {host}] does not know the address: HTTP 404.", Remedies: fixHTTP, Source: "RFC 9110 15.5.5",
		}, weight: weightPlatform, codes: []string{"http 404", "http 405", "http 406", "http 410", "http 415", "http 421", "http 426", "http 501", "http 505"},
	},
	{
		Pattern: Pattern{
			ID: "http-timeout", Messages: []string{"504 gateway", "408 request timeout"}, Class: ClassTimeout, Advice: AdviceAfterRecovery,
			Summary: "The server[ {host}] did not answer in time: HTTP 504.", Remedies: []string{"Restart the task once the server is quick again; raise the connector's request timeout."}, Source: "RFC 9110 15.6.5",
		}, weight: weightPlatform, codes: []string{"http 408", "http 504", "http 524", "http 522"},
	},
	{
		Pattern: Pattern{
			ID: "http-too-many-requests", Messages: []string{"429 too many requests", "too many requests", "(429)"}, Class: ClassResource, Advice: AdviceAfterRecovery,
			Summary: "The server[ {host}] limits the rate: HTTP 429.", Remedies: []string{"Send less: larger batches, fewer tasks, a longer retry backoff (retry.backoff.ms).", "Ask for a higher quota; restart afterwards."}, Source: "RFC 6585 4",
		}, weight: weightPlatform, codes: []string{"http 429", "http 507", "http 509"},
	},
	{
		Pattern: Pattern{
			ID: "http-too-large", Messages: []string{"413 request entity too large", "413 payload too large", "request entity too large", "payload too large", "(413)"}, Class: ClassResource, Advice: AdviceAfterChange,
			Summary: "The request is larger than the server[ {host}] allows: HTTP 413.", Remedies: []string{"Make batches smaller (batch.max.size, batch.size, bulk.size.bytes), or raise the server's limit."}, Source: "RFC 9110 15.5.14",
		}, weight: weightPlatform, codes: []string{"http 413", "http 414", "http 431"},
	},
	{
		Pattern: Pattern{
			ID: "http-unavailable", Messages: []string{"503 service", "502 bad gateway", "service unavailable", "service is unavailable", "service temporarily unavailable", "bad gateway", "(503)", "(502)"}, Class: ClassConnection, Advice: AdviceAfterRecovery,
			Summary: "The server[ {host}] is not available: HTTP 502 or 503.", Remedies: []string{"Restart the task once the server is back.", "Let the connector wait itself: max.retries, retry.backoff.ms."}, Source: "RFC 9110 15.6.3, 15.6.4",
		}, weight: weightPlatform, codes: []string{"http 502", "http 503", "http 520", "http 521", "http 523"},
	},
	{
		Pattern: Pattern{
			ID: "http-conflict", Messages: []string{"409 conflict", "422 unprocessable", "400 bad request"}, Class: ClassDataConstraint, Advice: AdviceAfterChange,
			Summary: "The server[ {host}] refuses the record: HTTP 400, 409 or 422.", Remedies: []string{"Read the server's answer in the message or in the reporter's error topic: it names the field.", "Correct the body: request.body.format, templates, transforms."}, Source: "RFC 9110 15.5.1, 15.5.10, 15.5.21",
		}, weight: weightPlatform, codes: []string{"http 400", "http 409", "http 412", "http 422"},
	},
	{
		Pattern: Pattern{
			ID: "http-server-error", Messages: []string{"500 internal server error", "internal server error", "internalservererror", "(500)"}, Class: ClassUnknown, Advice: AdviceUnknown,
			Summary: "The server[ {host}] failed without saying why: HTTP 500.", Remedies: []string{"Read the server's log at that time.", "Restart once; where the same record fails again, look at the record."}, Source: "RFC 9110 15.6.1",
		}, weight: weightPlatform, codes: []string{"http 500"},
	},
}
