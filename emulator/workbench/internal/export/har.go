package export

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatesock/gatesock/emulator/workbench/entry"
)

// HAROptions says what to export as an HTTP Archive.
type HAROptions struct {
	// Stages are the addresses of the stages for clients, such as "ws://localhost:3001/dev", by name.
	// Default for each: "ws://localhost/" and the name.
	Stages map[string]string
	// Connections are the ids of the connections that the archive has. Default: all.
	Connections []string
}

// HAR returns an HTTP Archive (HAR 1.2) with an entry for each handshake, in which the messages are
// as Chrome's developer tools write and read them: _resourceType is "websocket", and
// _webSocketMessages has what was sent and received. What only the gateway knows is in members
// _gatesock, of the entries and of the log. Credentials of handshakes are left out.
func HAR(entries []entry.Entry, o HAROptions) ([]byte, error) {
	log := harLog{
		Version: "1.2", Creator: harCreator{Name: "gatesock", Version: "1"}, Pages: []struct{}{}, Entries: []*harEntry{},
	}
	byID := map[string]*harEntry{}
	for _, e := range ordered(entries) {
		e = finite(e)
		if e.ConnectionID == "" {
			log.Gatesock.add(e)
			continue
		}
		if len(o.Connections) > 0 && !slices.Contains(o.Connections, e.ConnectionID) {
			continue
		}
		h := byID[e.ConnectionID]
		if h == nil {
			h = newHAREntry(e, o)
			byID[e.ConnectionID] = h
			log.Entries = append(log.Entries, h)
		}
		h.add(e, o)
	}
	slices.SortStableFunc(log.Entries, func(a, b *harEntry) int { return a.began.Compare(b.began) })
	out, err := json.MarshalIndent(struct {
		Log harLog `json:"log"`
	}{log}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return append(out, '\n'), nil
}

type harLog struct {
	Version  string      `json:"version"`
	Creator  harCreator  `json:"creator"`
	Pages    []struct{}  `json:"pages"`
	Entries  []*harEntry `json:"entries"`
	Gatesock harDetails  `json:"_gatesock"`
}

type harCreator struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// harEntry is a handshake and the messages after it.
type harEntry struct {
	Started  string       `json:"startedDateTime"`
	Time     float64      `json:"time"`
	Request  harRequest   `json:"request"`
	Response harResponse  `json:"response"`
	Cache    struct{}     `json:"cache"`
	Timings  harTimings   `json:"timings"`
	Resource string       `json:"_resourceType"`
	Messages []harMessage `json:"_webSocketMessages"`
	Gatesock harDetails   `json:"_gatesock"`

	began time.Time
}

type harRequest struct {
	Method      string     `json:"method"`
	URL         string     `json:"url"`
	HTTPVersion string     `json:"httpVersion"`
	Cookies     []struct{} `json:"cookies"`
	Headers     []harPair  `json:"headers"`
	Query       []harPair  `json:"queryString"`
	HeadersSize int        `json:"headersSize"`
	BodySize    int        `json:"bodySize"`
}

type harResponse struct {
	Status      int        `json:"status"`
	StatusText  string     `json:"statusText"`
	HTTPVersion string     `json:"httpVersion"`
	Cookies     []struct{} `json:"cookies"`
	Headers     []harPair  `json:"headers"`
	Content     harContent `json:"content"`
	RedirectURL string     `json:"redirectURL"`
	HeadersSize int        `json:"headersSize"`
	BodySize    int        `json:"bodySize"`
	Error       *string    `json:"_error"`
}

type harContent struct {
	Size     int    `json:"size"`
	MIMEType string `json:"mimeType"`
}

type harPair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type harTimings struct {
	Send    float64 `json:"send"`
	Wait    float64 `json:"wait"`
	Receive float64 `json:"receive"`
}

// harMessage is a message as Chrome writes it: the time is in seconds, and data that is not text is
// in base64.
type harMessage struct {
	Type   string  `json:"type"`
	Time   float64 `json:"time"`
	Opcode int     `json:"opcode"`
	Data   string  `json:"data"`
	Cut    int     `json:"_cut,omitempty"`
}

// harDetails is what only the gateway knows, as entries of the workbench.
type harDetails struct {
	Stage        string         `json:"stage,omitempty"`
	Connection   uint64         `json:"connection,omitempty"`
	ConnectionID string         `json:"connectionId,omitempty"`
	Authorizer   map[string]any `json:"authorizer,omitempty"`
	Invocations  []*entry.Entry `json:"invocations,omitempty"`
	Calls        []*entry.Entry `json:"calls,omitempty"` // of @connections, with their status
	Faults       []*entry.Entry `json:"faults,omitempty"`
	Logs         []*entry.Entry `json:"logs,omitempty"`
	Clock        []*entry.Entry `json:"clock,omitempty"`
	Others       []*entry.Entry `json:"others,omitempty"`
	Dropped      []*entry.Entry `json:"dropped,omitempty"` // frames that did not arrive
	End          *entry.Entry   `json:"end,omitempty"`
}

// add adds an entry that is not a message.
func (d *harDetails) add(e *entry.Entry) {
	switch e.Kind {
	case entry.Invoked:
		if e.Route == "$connect" || e.Route == "authorizer" {
			without := *e
			without.Input = "" // it has the credentials
			e = &without
		}
		d.Invocations = append(d.Invocations, e)
	case entry.Called:
		d.Calls = append(d.Calls, e)
	case entry.Fault, entry.FaultAdded, entry.FaultRemoved:
		d.Faults = append(d.Faults, e)
	case entry.Log:
		d.Logs = append(d.Logs, e)
	case entry.Clock:
		d.Clock = append(d.Clock, e)
	case entry.Disconnected:
		d.End = e
	default:
		d.Others = append(d.Others, e)
	}
}

func newHAREntry(e *entry.Entry, o HAROptions) *harEntry {
	h := &harEntry{
		Request: harRequest{
			Method: http.MethodGet, HTTPVersion: "HTTP/1.1", Cookies: []struct{}{}, Headers: []harPair{}, Query: []harPair{},
			HeadersSize: -1,
		},
		Response: harResponse{
			Status: http.StatusSwitchingProtocols, StatusText: "Switching Protocols", HTTPVersion: "HTTP/1.1",
			Cookies: []struct{}{}, Headers: []harPair{}, Content: harContent{MIMEType: "x-unknown"}, HeadersSize: -1, BodySize: -1,
		},
		Resource: "websocket", Messages: []harMessage{},
		Gatesock: harDetails{Stage: e.Stage, Connection: e.Connection, ConnectionID: e.ConnectionID},
	}
	h.Request.URL = o.address(e.Stage)
	h.begin(e.Time)
	return h
}

// address returns the address of a stage.
func (o HAROptions) address(stage string) string {
	return cmp.Or(o.Stages[stage], "ws://localhost/"+url.PathEscape(stage))
}

// begin sets the time of the handshake.
func (h *harEntry) begin(at time.Time) {
	h.began, h.Started = at, at.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	if y := at.UTC().Year(); y < 1 || y > 9999 {
		h.Started = "0001-01-01T00:00:00.000Z"
	}
}

// add adds an entry of the connection.
func (h *harEntry) add(e *entry.Entry, o HAROptions) {
	h.Time = max(h.Time, float64(e.Time.Sub(h.began))/float64(time.Millisecond))
	switch e.Kind {
	case entry.Connected, entry.Refused:
		h.handshake(e, o)
	case entry.Received:
		h.message("send", e)
	case entry.Sent:
		if e.Error != "" {
			h.Gatesock.Dropped = append(h.Gatesock.Dropped, e)
			return
		}
		h.message("receive", e)
	case entry.Called:
		h.Gatesock.add(e)
		if delivered(e) {
			h.message("receive", e)
		}
	default:
		h.Gatesock.add(e)
	}
}

func (h *harEntry) message(kind string, e *entry.Entry) {
	m := harMessage{Type: kind, Time: float64(e.Time.UnixMicro()) / 1e6, Opcode: 1, Data: e.Body, Cut: e.Cut}
	if e.Body64 != nil {
		m.Opcode, m.Data = 2, base64.StdEncoding.EncodeToString(e.Body64)
	}
	h.Messages = append(h.Messages, m)
}

// handshake adds what a client sent to connect. Without credentials, as browsers export by default.
func (h *harEntry) handshake(e *entry.Entry, o HAROptions) {
	h.begin(e.Time.Add(-millis(e.DurationMs)))
	h.Timings.Wait = max(0, e.DurationMs)
	h.Time = max(h.Time, h.Timings.Wait)
	if e.Status != 0 {
		h.Response.Status, h.Response.StatusText = e.Status, http.StatusText(e.Status)
	}
	if e.Kind == entry.Refused && e.Reason != "" {
		h.Response.Error = &e.Reason
	}
	if e.Handshake == nil {
		return
	}
	h.Gatesock.Authorizer = e.Handshake.Authorizer
	for _, name := range slices.Sorted(maps.Keys(e.Handshake.Headers)) {
		for _, value := range e.Handshake.Headers[name] {
			h.Request.Headers = append(h.Request.Headers, harPair{name, withoutSecret(name, value)})
		}
	}
	query := url.Values{}
	for _, name := range slices.Sorted(maps.Keys(e.Handshake.Query)) {
		for _, value := range e.Handshake.Query[name] {
			if isSecretQuery(name) {
				value = secret
			}
			h.Request.Query = append(h.Request.Query, harPair{name, value})
			query.Add(name, value)
		}
	}
	if len(query) > 0 {
		h.Request.URL = o.address(e.Stage) + "?" + query.Encode()
	}
}

// secret stands for a credential.
const secret = "(left out)"

// withoutSecret returns the value of a header without a credential.
func withoutSecret(name, value string) string {
	name = http.CanonicalHeaderKey(name)
	switch {
	case slices.Contains(secretHeaders, name):
		return secret
	case name != "Sec-Websocket-Protocol":
		return value
	}
	protocols := strings.Split(value, ",")
	for i, p := range protocols {
		if p = strings.TrimSpace(p); strings.HasPrefix(p, "bearer.") || looksRandom(p) {
			protocols[i] = " " + secret
		}
	}
	return strings.TrimSpace(strings.Join(protocols, ","))
}

// finite returns an entry with the numbers that JSON can have.
func finite(e *entry.Entry) *entry.Entry {
	out := *e
	for _, n := range []*float64{&out.DurationMs, &out.DelayMs, &out.AdvanceMs} {
		if math.IsNaN(*n) || math.IsInf(*n, 0) {
			*n = 0
		}
	}
	if !json.Valid(out.Spec) {
		out.Spec = nil
	}
	if y := out.Time.Year(); y < 0 || y > 9999 {
		out.Time = time.Time{}
	}
	return &out
}
