package emulator

import (
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock/internal/jsontext"
)

// clfTime is the layout of requestTime, the one of the Common Log Format, in UTC.
const clfTime = "02/Jan/2006:15:04:05 +0000"

// eventParts is what the events of one connection have in common, encoded once. The order of the keys is that of
// captured events; see §1 of docs/gateway-facts.md.
type eventParts struct {
	stageVariables string // `,"stageVariables":{…}` or empty
	authorizer     string // `,"authorizer":{…}` or empty
	middle         string // from "stage" up to the value of requestTimeEpoch
	identity       string // from "identity" up to the value of requestId
	end            string // from "domainName" to the end of requestContext
}

func newEventParts(g *Gateway, h *Handshake, domain, id string, connectedAt time.Time) (eventParts, error) {
	authorizer, err := encodeAuthorizer(h.Authorizer)
	if err != nil {
		return eventParts{}, err
	}
	p := eventParts{stageVariables: g.stageVariables, authorizer: authorizer}

	b := make([]byte, 0, 192)
	b = jsontext.AppendString(append(b, `,"stage":`...), g.cfg.Stage)
	b = strconv.AppendInt(append(b, `,"connectedAt":`...), connectedAt.UnixMilli(), 10)
	p.middle = string(append(b, `,"requestTimeEpoch":`...))

	b = append(b[:0], `,"identity":{`...)
	if h.UserAgent() != "" {
		b = append(jsontext.AppendString(append(b, `"userAgent":`...), h.UserAgent()), ',')
	}
	b = jsontext.AppendString(append(b, `"sourceIp":`...), h.SourceIP)
	if h.apiKey.ID != "" {
		b = jsontext.AppendString(append(b, `,"apiKey":`...), h.apiKey.Value)
		b = jsontext.AppendString(append(b, `,"apiKeyId":`...), h.apiKey.ID)
	}
	if h.user.ARN != "" {
		b = jsontext.AppendString(append(b, `,"accountId":`...), g.cfg.AccountID)
		b = jsontext.AppendString(append(b, `,"caller":`...), h.user.AccessKeyID)
		b = jsontext.AppendString(append(b, `,"user":`...), h.user.AccessKeyID)
		b = jsontext.AppendString(append(b, `,"userArn":`...), h.user.ARN)
	}
	p.identity = string(append(b, `},"requestId":"`...))

	b = jsontext.AppendString(append(b[:0], `","domainName":`...), domain)
	b = append(append(b, `,"connectionId":"`...), id...)
	b = jsontext.AppendString(append(b, `","apiId":`...), g.cfg.APIID)
	p.end = string(append(b, '}'))
	return p, nil
}

// stamp is what tells an event from others of its connection.
type stamp struct {
	requestID string
	messageID string
	time      time.Time
}

// open appends a requestContext up to the event type.
func (p *eventParts) open(b []byte, routeKey string) []byte {
	b = jsontext.AppendString(append(b, `"requestContext":{"routeKey":`...), routeKey)
	return append(b, p.authorizer...)
}

// stamped appends the members from extendedRequestId to messageDirection.
func (p *eventParts) stamped(b []byte, st stamp) []byte {
	b = append(append(b, `,"extendedRequestId":"`...), st.requestID...)
	b = append(b, `","requestTime":"`...)
	b = st.time.UTC().AppendFormat(b, clfTime)
	return append(b, `","messageDirection":"IN"`...)
}

// close appends the rest of a requestContext.
func (p *eventParts) close(b []byte, st stamp) []byte {
	b = append(b, p.middle...)
	b = strconv.AppendInt(b, st.time.UnixMilli(), 10)
	b = append(append(b, p.identity...), st.requestID...)
	return append(b, p.end...)
}

// connectEvent encodes the event of $connect.
func (p *eventParts) connectEvent(st stamp, headers, query []field) []byte {
	b := appendFields(make([]byte, 0, 2048), "headers", "multiValueHeaders", headers)
	b[0] = '{'
	if len(query) > 0 {
		b = appendFields(b, "queryStringParameters", "multiValueQueryStringParameters", query)
	}
	b = append(append(b, p.stageVariables...), ',')
	b = p.open(b, "$connect")
	b = append(b, `,"eventType":"CONNECT"`...)
	b = p.close(p.stamped(b, st), st)
	return append(b, `,"isBase64Encoded":false}`...)
}

// messageEvent encodes the event of a message. A nil body is left out.
func (p *eventParts) messageEvent(st stamp, routeKey string, body []byte) []byte {
	size := len(p.stageVariables) + len(p.authorizer) + len(p.middle) + len(p.identity) + len(p.end)
	b := make([]byte, 0, size+len(routeKey)+len(body)+len(body)/8+320)
	b = append(b, '{')
	if p.stageVariables != "" {
		b = append(append(b, p.stageVariables[1:]...), ',')
	}
	b = p.open(b, routeKey)
	b = append(append(b, `,"messageId":"`...), st.messageID...)
	b = append(b, `","eventType":"MESSAGE"`...)
	b = p.close(p.stamped(b, st), st)
	if body != nil {
		b = jsontext.AppendString(append(b, `,"body":`...), body)
	}
	return append(b, `,"isBase64Encoded":false}`...)
}

// disconnectEvent encodes the event of $disconnect. Its four headers are the gateway's own.
func (p *eventParts) disconnectEvent(st stamp, host string, status CloseStatus) []byte {
	empty := []string{""}
	b := appendFields(make([]byte, 0, 1024), "headers", "multiValueHeaders", []field{
		{"Host", []string{host}}, {"x-api-key", empty}, {"X-Forwarded-For", empty}, {"x-restapi", empty},
	})
	b[0] = '{'
	b = append(append(b, p.stageVariables...), ',')
	b = p.open(b, "$disconnect")
	b = strconv.AppendInt(append(b, `,"disconnectStatusCode":`...), int64(status.Code), 10)
	b = p.stamped(append(b, `,"eventType":"DISCONNECT"`...), st)
	b = jsontext.AppendString(append(b, `,"disconnectReason":`...), status.Reason)
	b = p.close(b, st)
	return append(b, `,"isBase64Encoded":false}`...)
}

// encodeStageVariables gives the member that events have if the stage has variables. That they have it is
// not known: every public capture is of a stage without.
func encodeStageVariables(vars map[string]string) string {
	if len(vars) == 0 {
		return ""
	}
	b := []byte(`,"stageVariables":{`)
	for i, name := range sortedKeys(vars) {
		b = jsontext.AppendString(appendKey(b, i, name), vars[name])
	}
	return string(append(b, '}'))
}

// knownHeaderSpelling restores the usual spelling of the handshake's own headers, which net/http changes.
func knownHeaderSpelling(name string) string {
	if rest, ok := strings.CutPrefix(name, "Sec-Websocket-"); ok {
		return "Sec-WebSocket-" + rest
	}
	return name
}
