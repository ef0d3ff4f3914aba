package stack

// LogField is a field of the access log.
type LogField struct {
	// Name is that of the member, Variable that of the context variable without "$context.".
	Name, Variable string
}

// AccessLog returns the fields of the access log (API Gateway Developer Guide, "Monitor WebSocket
// API execution with CloudWatch metrics", and its list of variables). The code and the reason of a
// disconnection are not among the variables: only the event of $disconnect has them.
//
// In the log, a line of JSON, all values are strings, because variables without a value are written
// as a hyphen. That is also why there is error.message and not error.messageString, which brings
// quotes of its own. Quotes inside a value do not end it: API Gateway was seen to escape them (in
// REST APIs, July 2024, DataBiosphere/azul issue 4348).
func AccessLog() []LogField {
	return []LogField{
		{"requestId", "requestId"},
		{"requestTime", "requestTime"},
		{"connectionId", "connectionId"},
		{"connectedAt", "connectedAt"},
		{"eventType", "eventType"},
		{"routeKey", "routeKey"},
		{"messageId", "messageId"},
		{"status", "status"},
		{"stage", "stage"},
		{"sourceIp", "identity.sourceIp"},
		{"userAgent", "identity.userAgent"},
		{"principalId", "authorizer.principalId"},
		{"authorizerStatus", "authorizer.status"},
		{"authorizerLatency", "authorizer.latency"},
		{"authorizerRequestId", "authorizer.requestId"},
		{"authorizerError", "authorizer.error"},
		{"functionStatus", "integration.status"},
		{"lambdaStatus", "integration.integrationStatus"},
		{"integrationLatency", "integration.latency"},
		{"functionRequestId", "integration.requestId"},
		{"integrationError", "integration.error"},
		{"error", "error.message"},
		{"errorType", "error.responseType"},
		{"validationError", "error.validationErrorString"},
		{"wafStatus", "waf.status"},
		{"wafLatency", "waf.latency"},
		{"wafError", "waf.error"},
	}
}
