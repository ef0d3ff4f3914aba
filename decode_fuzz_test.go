package gatesock

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzDecodeEvent compares the scanner with encoding/json on the same bytes: both return the same
// Request, or both refuse.
func FuzzDecodeEvent(f *testing.F) {
	for _, seed := range eventSeeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		want, ok := referenceDecode(payload)
		got, err := decodeEvent(payload, protocolWire)
		if !ok {
			require.Error(t, err, "encoding/json refuses %q", payload)
			return
		}
		require.NoError(t, err, "encoding/json accepts %q", payload)
		require.Equal(t, want, got)
	})
}

func eventSeeds(tb testing.TB) [][]byte {
	tb.Helper()
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(tb, err)
	require.NotEmpty(tb, files)
	var seeds [][]byte
	for _, name := range files {
		b, err := os.ReadFile(name)
		require.NoError(tb, err)
		seeds = append(seeds, b)
	}
	const context = `"requestContext":{"connectionId":"a=","eventType":"MESSAGE","routeKey":"say"`
	for _, s := range []string{
		``, ` `, `null`, `[]`, `{}`, `{"requestContext":null}`, `{` + context + `}}`,
		`{` + context + `},"body":null}`,
		`{` + context + `},"body":"\ud83d\ude00\ud83d \ude00 \u0000 é"}`,
		`{` + context + "},\"body\":\"\xff\xc3\"}",
		`{` + context + `},"body":"{\"id\":1,\"action\":\"x\"}"}`,
		`{` + context + `},"body":"{\"id\":\"1\",\"action\":\"x\""}`,
		`{` + context + `},"body":"{\"id\":\"1\",\"action\":\"x\"} {"}`,
		`{` + context + `},"body":"eA==","isBase64Encoded":true}`,
		`{` + context + `},"body":"e","isBase64Encoded":true}`,
		`{` + context + `},"body":7}`,
		`{` + context + `,"connectedAt":1.5}}`,
		`{` + context + `,"connectedAt":-9223372036854775808}}`,
		`{` + context + `,"authorizer":{"a":1e5,"b":true,"c":null,"d":{"e":[1]},"a":"2"}}}`,
		`{` + context + `,"route\u004bey":"other"}}`,
		`{` + context + `,"authorizer":"","messageId":null,"requestTimeEpoch":"1.5e12","connectedAt":1757065815123.7,"stage":5,"identity":[]}}`,
		`{` + context + `,"authorizer":"ann"}}`,
		`{` + context + `,"authorizer":[{}],"identity":{"sourceIp":7,"user":{"a":1}}}}`,
		`{` + context + `},"body":"x","isBase64Encoded":"false","stageVariables":"","headers":7}`,
		`{` + context + `,"disconnectStatusCode":"\u0031","requestTimeEpoch":1e300,"connectedAt":"soon"}}`,
		`{"headers":{"n":7,"o":{}},"multiValueHeaders":{"Host":"c","m":[1,{}]},"queryStringParameters":"","body":7,` +
			`"requestContext":{"connectionId":"a","eventType":"CONNECT","routeKey":"$connect"}}`,
		`{` + context + `},"stageVariables":{"k":"v"},"x":[1,2.5e-3,-0,{"a":[[]]},"` + "\t" + `"]}`,
		`{` + context + `}} x`,
		`{` + context + `},}`,
		`{"x":` + strings.Repeat("[", 10001) + strings.Repeat("]", 10001) + `,` + context + `}}`,
		`{"headers":{"host":"a","Host":"b","n":null},"multiValueHeaders":{"Host":["c",null]},"queryStringParameters":null,` +
			`"multiValueQueryStringParameters":{"q":null},"requestContext":{"connectionId":"a","eventType":"CONNECT","routeKey":"$connect"}}`,
		`{"headers":5,"requestContext":{"connectionId":"a","eventType":"DISCONNECT","routeKey":"$disconnect","disconnectStatusCode":1005,"disconnectReason":""}}`,
	} {
		seeds = append(seeds, []byte(s))
	}
	return seeds
}

// referenceDecode decodes an event by encoding/json. It uses maps of raw messages, because names
// must match exactly, and those of struct fields need not.
func referenceDecode(payload []byte) (*Request, bool) {
	var d reference
	req := d.event(payload)
	return req, !d.failed
}

type reference struct{ failed bool }

func (d *reference) into(raw json.RawMessage, dst any) {
	if raw != nil && json.Unmarshal(raw, dst) != nil {
		d.failed = true
	}
}

// object returns the members of raw. Of several members with one name, the last that is not null
// counts, as for the fields of a struct.
func (d *reference) object(raw []byte) []member {
	if raw == nil {
		return nil
	}
	var probe map[string]json.RawMessage
	if json.Unmarshal(raw, &probe) != nil {
		d.failed = true
		return nil
	}
	if probe == nil {
		return nil
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	_, _ = dec.Token()
	var list []member
	for dec.More() {
		name, _ := dec.Token()
		var value json.RawMessage
		_ = dec.Decode(&value)
		list = append(list, member{name.(string), string(value)})
	}
	return list
}

func (d *reference) event(payload []byte) *Request {
	req := new(Request)
	var isBase64, badBody bool
	var connected, at, code int64
	var body *string
	parts := map[string]string{}
	for _, m := range d.object(payload) {
		switch raw := json.RawMessage(m.value); m.name {
		case "requestContext":
			d.context(raw, req, &connected, &at, &code)
		case "body":
			body = nil
			badBody = json.Unmarshal(raw, &body) != nil || badBody
		case "isBase64Encoded":
			badBody = json.Unmarshal(raw, &isBase64) != nil || badBody
		case "stageVariables":
			if raw[0] == '{' {
				req.StageVariables = d.scalars(raw, req.StageVariables)
			}
		case "headers", "multiValueHeaders", "queryStringParameters", "multiValueQueryStringParameters":
			parts[m.name] = m.value
		}
	}
	if req.ConnectionID == "" || req.RouteKey == "" {
		d.failed = true
	}
	if connected != 0 {
		req.ConnectedAt = time.UnixMilli(connected).UTC()
	}
	if at != 0 {
		req.Time = time.UnixMilli(at).UTC()
	}
	switch req.EventType {
	case EventConnect:
		req.Header, req.Query = http.Header{}, map[string][]string{}
		asIs := func(s string) string { return s }
		d.single(parts["headers"], req.Header, textproto.CanonicalMIMEHeaderKey)
		d.multi(parts["multiValueHeaders"], req.Header, textproto.CanonicalMIMEHeaderKey)
		d.single(parts["queryStringParameters"], req.Query, asIs)
		d.multi(parts["multiValueQueryStringParameters"], req.Query, asIs)
	case EventMessage:
		d.failed = d.failed || badBody
		d.body(body, isBase64, req)
	case EventDisconnect:
		req.DisconnectCode = int(code)
	default:
		d.failed = true
	}
	return req
}

func (d *reference) context(raw json.RawMessage, req *Request, connected, at, code *int64) {
	for _, m := range d.object(raw) {
		raw := json.RawMessage(m.value)
		id := &req.Identity
		if dst := map[string]any{"routeKey": &req.RouteKey, "eventType": &req.EventType, "connectionId": &req.ConnectionID}[m.name]; dst != nil {
			d.into(raw, dst)
		}
		into(m, map[string]*string{
			"requestId": &req.RequestID, "messageId": &req.MessageID, "apiId": &req.APIID, "stage": &req.Stage,
			"domainName": &req.DomainName, "disconnectReason": &req.DisconnectReason,
		})
		switch m.name {
		case "requestTimeEpoch":
			wholeNumber(raw, at)
		case "connectedAt":
			wholeNumber(raw, connected)
		case "disconnectStatusCode":
			wholeNumber(raw, code)
		case "authorizer":
			if m.value != `""` {
				req.Authorizer = d.scalars(raw, req.Authorizer)
			}
		case "identity":
			if raw[0] != '{' {
				continue
			}
			for _, m := range d.object(raw) {
				into(m, map[string]*string{
					"sourceIp": &id.SourceIP, "userAgent": &id.UserAgent, "apiKey": &id.APIKey, "apiKeyId": &id.APIKeyID,
					"accountId": &id.AccountID, "caller": &id.Caller, "user": &id.User, "userArn": &id.UserARN,
					"principalOrgId": &id.PrincipalOrgID,
				})
			}
		}
	}
}

// text returns the contents of a string or the JSON of another value, and false for a null.
func text(value string) (string, bool) {
	var s *string
	if json.Unmarshal([]byte(value), &s) != nil {
		return value, true
	}
	if s == nil {
		return "", false
	}
	return *s, true
}

func into(m member, names map[string]*string) {
	if dst := names[m.name]; dst != nil {
		if s, ok := text(m.value); ok {
			*dst = s
		}
	}
}

func wholeNumber(raw json.RawMessage, dst *int64) {
	s, ok := text(string(raw))
	if !ok || strings.Contains(string(raw), `\`) {
		return
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		*dst = n
	} else if f, err := strconv.ParseFloat(s, 64); err == nil && f >= -1<<53 && f <= 1<<53 {
		*dst = int64(f)
	}
}

func (d *reference) scalars(raw json.RawMessage, into map[string]string) map[string]string {
	got := map[string]string{}
	for _, m := range d.object(raw) {
		var s *string
		switch {
		case m.value == "null":
		case json.Unmarshal([]byte(m.value), &s) == nil:
			got[m.name] = *s
		default:
			got[m.name] = m.value
		}
	}
	if into == nil && len(got) > 0 {
		into = map[string]string{}
	}
	maps.Copy(into, got)
	return into
}

func (d *reference) single(raw string, into map[string][]string, key func(string) string) {
	if raw == "" || raw == `""` {
		return
	}
	for _, m := range d.object([]byte(raw)) {
		s, _ := text(m.value)
		into[key(m.name)] = []string{s}
	}
}

func (d *reference) multi(raw string, into map[string][]string, key func(string) string) {
	if raw == "" || raw == `""` {
		return
	}
	for _, m := range d.object([]byte(raw)) {
		list := []json.RawMessage{json.RawMessage(m.value)}
		if m.value[0] == '[' || m.value == "null" {
			list = nil
			d.into(json.RawMessage(m.value), &list)
		}
		var texts []string
		for _, v := range list {
			s, _ := text(string(v))
			texts = append(texts, s)
		}
		into[key(m.name)] = texts
	}
}

func (d *reference) body(body *string, isBase64 bool, req *Request) {
	if body != nil {
		req.Body = []byte(*body)
	}
	if isBase64 {
		var decoded []byte // encoding/json decodes base64 into bytes
		quoted, _ := json.Marshal(string(req.Body))
		d.into(quoted, &decoded)
		req.Body = decoded
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(req.Body, &members) != nil {
		return
	}
	var action, id *string
	if json.Unmarshal(members["action"], &action) == nil && action != nil {
		req.Action = *action
	}
	switch raw, ok := members["id"]; {
	case !ok:
	case json.Unmarshal(raw, &id) != nil || id != nil && len(*id) > maxIDLength:
		req.badID = true
		var number json.Number
		if raw[0] != '"' && len(raw) <= maxIDLength && json.Unmarshal(raw, &number) == nil {
			req.numberID = number.String()
		}
	case id != nil:
		req.ID = *id
	}
}
