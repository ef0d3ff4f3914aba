package eventmux_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/eventmux"
)

// iotEvent is an event that AWS IoT makes for the rule readings.
const iotEvent = `{"iotRule":"rule/readings","topic":"acme/d1/readings","clientId":"d1","principal":"ba67293af5",` +
	`"timestamp":1481825251155,"payload":"eyJ2IjoxfQ=="}`

// of returns the event of a message without contents.
func of(rule, topic string) string {
	return string(eventmux.IoTMessage{Rule: rule, Topic: topic, Time: time.UnixMilli(1)}.Event())
}

func TestIoTRuleTakesItsMessages(t *testing.T) {
	t.Parallel()
	m := eventmux.New(
		eventmux.IoTRule("readings", "+/+/readings", says("readings")),
		eventmux.IoTRule("results", "+/+/results", says("results")),
		eventmux.IoTRule("again", "+/+/readings", says("again")),
		eventmux.IoTRule("presence", "$aws/events/presence/+/+", says("presence")),
		eventmux.IoTRule("7", "#", says("7")),
		eventmux.Member("payload", "", says("member")),
		eventmux.WebSocket(says("websocket")),
		eventmux.Match("s3", func(e eventmux.Event) bool {
			return e.Kind == "iot" && e.Topic == "matched/d1/readings" && e.Source == "readings"
		}, says("match")),
		eventmux.Fallback(says("fallback")),
	)
	with := func(old, with string) string {
		require.Contains(t, iotEvent, old)
		return strings.Replace(iotEvent, old, with, 1)
	}
	for _, tt := range []struct{ payload, want string }{
		{iotEvent, "readings"},
		{of("readings", "acme/d1/readings"), "readings"},
		{of("results", "acme/d1/results"), "results"},
		{of("again", "acme/d1/readings"), "again"},
		{of("presence", "$aws/events/presence/connected/d1"), "presence"},
		{of("7", "anything/at/all"), "7"},
		{of("readings", "matched/d1/readings"), "match"},
		{with(`,"payload":"eyJ2IjoxfQ=="`, ""), "readings"},
		{with(`"ba67293af5"`, "null"), "readings"},
		{with(`{`, `{"more":[1,{"iotRule":"x"}],`), "readings"},

		// A topic that the filter does not match.
		{of("readings", "acme/d1/results"), "member"},
		{of("readings", "$aws/events/presence/connected/d1"), "member"},
		{of("7", "$aws/events/presence/connected/d1"), "member"},
		// Another rule, and events of another form.
		{of("other", "acme/d1/readings"), "member"},
		{of("", "acme/d1/readings"), "member"},
		{of("*", "acme/d1/readings"), "member"},
		{of("readings", ""), "member"},
		{with(`"rule/readings"`, `"readings"`), "member"},
		{with(`"rule/readings"`, `["rule/readings"]`), "member"},
		{with(`"rule/`, `"Rule/`), "member"},
		{with(`"iotRule"`, `"iotrule"`), "member"},
		{with(`"topic"`, `"Topic"`), "member"},
		{with(`"acme/d1/readings"`, `7`), "member"},
		{with(`1481825251155`, `-1`), "member"},
		{with(`1481825251155`, `null`), "member"},
		{with(`"eyJ2IjoxfQ=="`, `{"v":1}`), "member"},
		{`[` + iotEvent + `]`, "fallback"},
		{iotEvent + `}`, "fallback"},
		// An event of another kind remains one, whatever else is in it.
		{with(`{`, `{"requestContext":{"connectionId":"a","eventType":"MESSAGE"},`), "websocket"},
	} {
		require.Equal(t, tt.want, taker(t, m, tt.payload), tt.payload)
	}
}

// TestIoTRuleIsSafe passes everything that a device can choose to a mux with other sources.
func TestIoTRuleIsSafe(t *testing.T) {
	t.Parallel()
	m := eventmux.New(
		eventmux.WebSocket(says("websocket")), eventmux.SQS(eventmux.Any, says("sqs")), eventmux.Member("warmer", "true", says("warmer")),
		eventmux.Member("job", "", says("job")), eventmux.IoTRule("all", "#", says("iot")), eventmux.IoTRule("other", "#", says("other")),
	)
	for _, text := range []string{
		message, records("aws:sqs", queueARN+"mail"), `","warmer":true,"x":"`, `"}`, `{"warmer":true}`, `\`, `\",\"job\":\"x`,
		`rule/other`, `","iotRule":"rule/other`, "\x00\xff", `d1","iotRule":"rule/other","payload":"`,
	} {
		e := eventmux.IoTMessage{Rule: "all", Topic: "t/" + text, ClientID: text, Principal: text, Payload: []byte(text)}.Event()
		require.Equal(t, "iot", taker(t, m, string(e)), text)
	}
}

func TestNoSourceForAnIoTMessage(t *testing.T) {
	t.Parallel()
	m := eventmux.New(eventmux.IoTRule("readings", "+/+/readings", says("")))
	_, err := m.Invoke(t.Context(), []byte(of("readings", "acme/d1/results")))
	require.EqualError(t, err, `eventmux: no source takes this event: it looks like a message of the AWS IoT rule "readings" `+
		`with the topic "acme/d1/results"; the mux takes iot "readings"`)
}

func TestMistakesOfIoTRules(t *testing.T) {
	t.Parallel()
	h := says("")
	const site = ` at \S+iot_test\.go:\d+`
	for says, mistake := range map[string]func(){
		`IoTRule` + site + `: h must not be nil$`:         func() { eventmux.IoTRule("a", "a", nil) },
		`IoTRule` + site + `: name "": it must not be`:    func() { eventmux.IoTRule("", "a", h) },
		`IoTRule` + site + `: name "\*": use letters`:     func() { eventmux.IoTRule(eventmux.Any, "a", h) },
		`IoTRule` + site + `: name "a-b": use letters`:    func() { eventmux.IoTRule("a-b", "a", h) },
		`IoTRule` + site + `: filter "": it must not be`:  func() { eventmux.IoTRule("a", "", h) },
		`IoTRule` + site + `: filter "a#": \+ and # must`: func() { eventmux.IoTRule("a", "a#", h) },
		`New: two sources for iot "a": IoTRule` + site:    func() { eventmux.New(eventmux.IoTRule("a", "b", h), eventmux.IoTRule("a", "c", h)) },
		`IoTSQL: name "a-b": `:                            func() { eventmux.IoTSQL("a-b", "a") },
		`IoTSQL: filter "a' OR '": `:                      func() { eventmux.IoTSQL("a", "a' OR '") },
		`IoTHandler: f must not be nil`:                   func() { eventmux.IoTHandler(nil) },
	} {
		func() {
			defer func() { require.Regexp(t, `^eventmux: `+says, recover()) }()
			mistake()
		}()
	}
	require.True(t, strings.HasPrefix(eventmux.IoTSQL("a", "+/b"), "SELECT concat('rule/', 'a') AS iotRule, "))
}

// TestIoTHandler compares with encoding/json what a handler gets.
func TestIoTHandler(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	var got eventmux.IoTMessage
	h := eventmux.IoTHandler(func(_ context.Context, m eventmux.IoTMessage) error {
		got = m
		if string(m.Payload) == "fail" {
			return broken
		}
		return nil
	})
	out, err := eventmux.New(eventmux.IoTRule("readings", "+/+/readings", h)).Invoke(t.Context(), []byte(iotEvent))
	require.NoError(t, err)
	require.Equal(t, "null", string(out))
	want := eventmux.IoTMessage{
		Rule: "readings", Topic: "acme/d1/readings", ClientID: "d1", Principal: "ba67293af5", Payload: []byte(`{"v":1}`),
		Time: time.Date(2016, 12, 15, 18, 7, 31, 155_000_000, time.UTC),
	}
	require.Equal(t, want, got)
	require.JSONEq(t, iotEvent, string(want.Event()))

	want.Payload = []byte("fail")
	_, err = h.Invoke(t.Context(), want.Event())
	require.ErrorIs(t, err, broken)

	got = eventmux.IoTMessage{}
	for payload, says := range map[string]string{
		`{"job":1}`: `eventmux: not a message of AWS IoT: a JSON object with the member "job"`,
		strings.Replace(iotEvent, "eyJ", "*", 1): `eventmux: a message of AWS IoT: the payload of the rule readings: ` +
			`illegal base64 data at input byte 0`,
	} {
		_, err = h.Invoke(t.Context(), []byte(payload))
		require.EqualError(t, err, says)
	}
	require.Zero(t, got)
}

func TestEventsThatNoRuleSends(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{
		of("*", "a"), of("", "a"), of("a-b", "a"), of("a", ""),
		`{"iotRule":"rule/a","topic":"a"}`,
		`{"iotRule":"rule/a","topic":"a","timestamp":1,"timestamp":null}`,
		`{"iotRule":"rule/a","timestamp":1}`,
		`{"topic":"a","timestamp":1}`,
	} {
		_, err := eventmux.ParseIoTMessage([]byte(payload))
		require.ErrorContains(t, err, "eventmux: not a message of AWS IoT: a JSON object with", payload)
	}
}

// TestIoTMessagesWithoutAClient checks messages that came by HTTP, and what is left out.
func TestIoTMessagesWithoutAClient(t *testing.T) {
	t.Parallel()
	for _, client := range []string{`"n/a"`, `"N/A"`, `""`, `null`} {
		m, err := eventmux.ParseIoTMessage([]byte(`{"iotRule":"rule/a","topic":"b","timestamp":0,"clientId":` + client + `}`))
		require.NoError(t, err)
		require.Equal(t, eventmux.IoTMessage{Rule: "a", Topic: "b", Payload: []byte{}, Time: time.UnixMilli(0).UTC()}, m)
	}
	var e map[string]any
	require.NoError(t, json.Unmarshal([]byte(of("a", "b")), &e))
	require.Equal(t, map[string]any{
		"iotRule": "rule/a", "topic": "b", "clientId": "n/a", "principal": "", "timestamp": 1.0, "payload": "",
	}, e)
	m, err := eventmux.ParseIoTMessage(eventmux.IoTMessage{Rule: "a", Topic: "b"}.Event())
	require.NoError(t, err)
	require.Equal(t, time.UnixMilli(0).UTC(), m.Time)
}

// FuzzIoTMessage checks that what the parser accepts is what encoding/json reads, and comes back
// from an event.
func FuzzIoTMessage(f *testing.F) {
	for _, s := range []string{
		iotEvent, of("a", "b"), `{}`, ``, `{"iotRule":"rule/a","iotRule":"rule/b","topic":"\ud800","timestamp":1.5,"payload":null}`,
		`{"iotRule":"rule/a","topic":"b","timestamp":"7","payload":"AA=="}`, `{"iotRule":"rule/a","topic":"b","timestamp":9e18}`,
	} {
		f.Add([]byte(s))
	}
	m := eventmux.New(eventmux.IoTRule("a", "#", says("a")), eventmux.Fallback(says("")))
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, err := eventmux.ParseIoTMessage(payload)
		if err != nil {
			return
		}
		var e map[string]any
		require.NoError(t, json.Unmarshal(payload, &e))
		require.Equal(t, e["iotRule"], "rule/"+got.Rule)
		require.Equal(t, e["topic"], got.Topic)
		contents, _ := e["payload"].(string)
		contents = strings.NewReplacer("\r", "", "\n", "").Replace(contents)
		require.Equal(t, contents, base64.StdEncoding.EncodeToString(got.Payload))
		again, err := eventmux.ParseIoTMessage(got.Event())
		require.NoError(t, err)
		require.Equal(t, got, again)
		out, err := m.Invoke(t.Context(), payload)
		require.NoError(t, err)
		if string(out) == "a" {
			require.Equal(t, "a", got.Rule)
		}
	})
}
