package emulator

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatesock/gatesock/internal/jsonscan"
)

// clfTime is the layout of requestTime: that of the Common Log Format, in UTC.
const clfTime = "02/Jan/2006:15:04:05 +0000"

// requestTimes keeps the text of the last second, which most events of a busy gateway share.
type requestTimes struct{ last atomic.Pointer[requestTime] }

type requestTime struct {
	unix int64
	text string
}

// of returns the requestTime of an event.
func (r *requestTimes) of(t time.Time) string {
	last := r.last.Load()
	if last == nil || last.unix != t.Unix() {
		last = &requestTime{t.Unix(), t.UTC().Format(clfTime)}
		r.last.Store(last)
	}
	return last.text
}

// eventParts is what the events of one connection have in common, encoded once. The keys are in the
// order of captured events (docs/gateway-facts.md, §1).
type eventParts struct {
	authorizer string // `,"authorizer":{…}` or empty
	middle     string // from "stage" up to the value of requestTimeEpoch
	identity   string // from "identity" up to the value of requestId
	end        string // from "domainName" to the end of requestContext
}

func newEventParts(cfg *Config, h *Handshake, domain, id string, connectedAt time.Time) (eventParts, error) {
	authorizer, err := encodeAuthorizer(h.Authorizer)
	if err != nil {
		return eventParts{}, err
	}
	p := eventParts{authorizer: authorizer}

	b := make([]byte, 0, 192)
	b = jsonscan.AppendString(append(b, `,"stage":`...), cfg.Stage)
	b = strconv.AppendInt(append(b, `,"connectedAt":`...), connectedAt.UnixMilli(), 10)
	p.middle = string(append(b, `,"requestTimeEpoch":`...))

	b = append(b[:0], `,"identity":{`...)
	if h.userAgent() != "" {
		b = append(jsonscan.AppendString(append(b, `"userAgent":`...), h.userAgent()), ',')
	}
	b = jsonscan.AppendString(append(b, `"sourceIp":`...), h.SourceIP)
	if h.apiKey.ID != "" {
		b = jsonscan.AppendString(append(b, `,"apiKey":`...), h.apiKey.Value)
		b = jsonscan.AppendString(append(b, `,"apiKeyId":`...), h.apiKey.ID)
	}
	if h.user.ARN != "" {
		b = jsonscan.AppendString(append(b, `,"accountId":`...), cfg.AccountID)
		b = jsonscan.AppendString(append(b, `,"caller":`...), h.user.AccessKeyID)
		b = jsonscan.AppendString(append(b, `,"user":`...), h.user.AccessKeyID)
		b = jsonscan.AppendString(append(b, `,"userArn":`...), h.user.ARN)
	}
	p.identity = string(append(b, `},"requestId":"`...))

	b = jsonscan.AppendString(append(b[:0], `","domainName":`...), domain)
	b = append(append(b, `,"connectionId":"`...), id...)
	b = jsonscan.AppendString(append(b, `","apiId":`...), cfg.APIID)
	p.end = string(append(b, '}'))
	return p, nil
}

// stamp is what distinguishes an event from others of its connection.
type stamp struct {
	on        *deployment // that the event belongs to
	requestID string
	messageID string
	time      time.Time
}

// open appends a requestContext up to the event type.
func (p *eventParts) open(b []byte, routeKey string) []byte {
	b = jsonscan.AppendString(append(b, `"requestContext":{"routeKey":`...), routeKey)
	return append(b, p.authorizer...)
}

// stamped appends the members from extendedRequestId to messageDirection.
func (p *eventParts) stamped(b []byte, st stamp) []byte {
	b = append(append(b, `,"extendedRequestId":"`...), st.requestID...)
	b = append(b, `","requestTime":"`...)
	b = append(b, st.on.requestTime.of(st.time)...)
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
	b = append(append(b, st.on.stageVariables...), ',')
	b = p.open(b, "$connect")
	b = append(b, `,"eventType":"CONNECT"`...)
	b = p.close(p.stamped(b, st), st)
	return append(b, `,"isBase64Encoded":false}`...)
}

// messageEvent encodes the event of a message. A nil body is omitted.
func (p *eventParts) messageEvent(st stamp, routeKey string, body []byte) []byte {
	size := len(st.on.stageVariables) + len(p.authorizer) + len(p.middle) + len(p.identity) + len(p.end)
	b := make([]byte, 0, size+len(routeKey)+len(body)+len(body)/8+320)
	b = append(b, '{')
	if st.on.stageVariables != "" {
		b = append(append(b, st.on.stageVariables[1:]...), ',')
	}
	b = p.open(b, routeKey)
	b = append(append(b, `,"messageId":"`...), st.messageID...)
	b = append(b, `","eventType":"MESSAGE"`...)
	b = p.close(p.stamped(b, st), st)
	if body != nil {
		b = jsonscan.AppendString(append(b, `,"body":`...), body)
	}
	return append(b, `,"isBase64Encoded":false}`...)
}

// disconnectEvent encodes the event of $disconnect. Its four headers come from the gateway.
func (p *eventParts) disconnectEvent(st stamp, host string, status CloseStatus) []byte {
	empty := []string{""}
	b := appendFields(make([]byte, 0, 1024), "headers", "multiValueHeaders", []field{
		{"Host", []string{host}}, {"x-api-key", empty}, {"X-Forwarded-For", empty}, {"x-restapi", empty},
	})
	b[0] = '{'
	b = append(append(b, st.on.stageVariables...), ',')
	b = p.open(b, "$disconnect")
	b = strconv.AppendInt(append(b, `,"disconnectStatusCode":`...), int64(status.Code), 10)
	b = p.stamped(append(b, `,"eventType":"DISCONNECT"`...), st)
	b = jsonscan.AppendString(append(b, `,"disconnectReason":`...), status.Reason)
	b = p.close(b, st)
	return append(b, `,"isBase64Encoded":false}`...)
}

// encodeStageVariables returns the member stageVariables of events, or "" for a stage without
// variables. That events of WebSocket APIs have it is not known: every public capture is of a stage
// without.
func encodeStageVariables(vars map[string]string) string {
	if len(vars) == 0 {
		return ""
	}
	b := []byte(`,"stageVariables":{`)
	for i, name := range sortedKeys(vars) {
		b = jsonscan.AppendString(appendKey(b, i, name), vars[name])
	}
	return string(append(b, '}'))
}

// knownHeaderSpelling restores the usual spelling of the names of the handshake's headers, which
// net/http changes.
func knownHeaderSpelling(name string) string {
	if rest, ok := strings.CutPrefix(name, "Sec-Websocket-"); ok {
		return "Sec-WebSocket-" + rest
	}
	return name
}

// field is a name with its values, such as a header or a query parameter.
type field struct {
	name   string
	values []string
}

// appendFields appends the two objects that events have for a list of fields: under name the last
// value of each field, under multiName all values.
func appendFields(b []byte, name, multiName string, fields []field) []byte {
	b = append(jsonscan.AppendString(append(b, ','), name), ":{"...)
	for i, f := range fields {
		b = appendKey(b, i, f.name)
		b = jsonscan.AppendString(b, f.values[len(f.values)-1])
	}
	b = append(jsonscan.AppendString(append(b, "},"...), multiName), ":{"...)
	for i, f := range fields {
		b = appendKey(b, i, f.name)
		for j, v := range f.values {
			if j == 0 {
				b = append(b, '[')
			} else {
				b = append(b, ',')
			}
			b = jsonscan.AppendString(b, v)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// appendKey appends the key of the member with index i.
func appendKey(b []byte, i int, key string) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	return append(jsonscan.AppendString(b, key), ':')
}

// fieldsOf returns the fields of a header or a query that have a value, sorted by name.
func fieldsOf(m map[string][]string) []field {
	fields := make([]field, 0, len(m)+8)
	for name, values := range m {
		if len(values) > 0 {
			fields = append(fields, field{name, values})
		}
	}
	slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	return fields
}

// Ids of the gateway are 11 bytes in URL-safe base64 with one "=": 4 bytes of a counter that
// advances every 25 ms, 4 more bytes, a byte that distinguishes request ids, and 2 bytes of which
// the last is a multiple of four (observed; docs/gateway-facts.md, §2).
const (
	idSize   = 11
	idLength = 16
	idTick   = 25 * time.Millisecond

	kindMessage byte = 0x02 // and connections
	kindRequest byte = 0x05
)

// idEpoch is when the counter of us-east-1 was zero, in milliseconds since 1970, computed from two
// captures.
const idEpoch = 1622138982_000

// idSource generates ids. It is safe for concurrent use.
type idSource struct {
	last atomic.Uint64 // counter<<16 | sequence number within the tick
	seed [4]byte       // in all ids of this gateway, to distinguish them from other gateways'
}

func newIDSource(seed [4]byte) *idSource {
	seed[3] &^= 3
	return &idSource{seed: seed}
}

// randomSeed returns a seed that keeps apart the ids of gateways that share a store.
func randomSeed() (seed [4]byte) {
	_, _ = rand.Read(seed[:]) // never fails
	return seed
}

// next returns a new id. If more than 65,536 ids are needed in one tick, the counter runs ahead of
// the clock.
func (s *idSource) next(now time.Time, kind byte) string {
	var text [idLength]byte
	s.encode(text[:], now, kind)
	return string(text[:])
}

// pair returns the ids of a request and of its message, which share a string.
func (s *idSource) pair(now time.Time) (request, message string) {
	var text [2 * idLength]byte
	s.encode(text[:idLength], now, kindRequest)
	s.encode(text[idLength:], now, kindMessage)
	both := string(text[:])
	return both[:idLength], both[idLength:]
}

// encode writes a new id.
func (s *idSource) encode(text []byte, now time.Time, kind byte) {
	n := s.reserve(now)
	b := [idSize]byte{
		byte(n >> 40), byte(n >> 32), byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n),
		s.seed[0], s.seed[1], kind, s.seed[2], s.seed[3],
	}
	base64.URLEncoding.Encode(text, b[:])
}

func (s *idSource) reserve(now time.Time) uint64 {
	tick := uint64(now.UnixMilli()-idEpoch) / uint64(idTick/time.Millisecond)
	floor := uint64(uint32(tick)) << 16
	for {
		last := s.last.Load()
		n := max(floor, last+1)
		if s.last.CompareAndSwap(last, n) {
			return n
		}
	}
}

// newUUID returns a random UUID (RFC 9562, version 4), such as AWS services use for requests.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	text := make([]byte, 0, 36)
	for i, part := range [][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:]} {
		if i > 0 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, part)
	}
	return string(text)
}

// validID reports whether id has the form of a connection id. The gateway answers 400 to other ids
// and 410 to unknown ones (observed: localstack#4694).
func validID(id string) bool {
	if len(id) != idLength || id[idLength-1] != '=' {
		return false
	}
	for i := range idLength - 1 {
		c := id[i]
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
