package gatesock_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// TestEnvelope has the frames of an existing client with other names for everything.
func TestEnvelope(t *testing.T) {
	t.Parallel()
	names := gatesock.Envelope{Action: "type", ID: "requestId", Data: "payload", Error: "fault", Event: "type", Topic: "channel"}
	nested := names
	nested.Input = "payload"
	for _, tt := range []struct {
		name, body, want string
		envelope         gatesock.Envelope
	}{
		{"reply", `{"type":"sum","requestId":"1","a":2,"b":3}`, `{"requestId":"1","type":"sum","payload":5}`, names},
		{"acknowledgement", `{"type":"say","requestId":"1"}`, `{"requestId":"1","type":"say","payload":null}`, names},
		{"error", `{"type":"broken","requestId":"1"}`, `{"requestId":"1","type":"broken","fault":{"code":"internal","message":"internal error"}}`, names},
		{"error that is too large", `{"type":"huge","requestId":"1"}`, `{"requestId":"1","type":"huge","fault":{"code":"not_found","message":"the error is too large to be sent"}}`, names},
		{"unknown action", `{"type":"sya","requestId":"1"}`, `{"requestId":"1","type":"sya","fault":{"code":"not_found","message":"there is no action \"sya\""}}`, names},
		{"no action", `{"action":"sum"}`, `{"type":"$default","fault":{"code":"invalid_argument","message":"the message must be a JSON object with a string \"type\""}}`, names},
		{"numeric id", `{"type":"sum","requestId":7,"id":"1"}`, `{"requestId":7,"type":"sum","fault":{"code":"invalid_argument","message":"\"requestId\" must be a string of at most 128 bytes"}}`, names},
		{"strict", `{"type":"strict","requestId":"1","a":2,"b":3}`, `{"requestId":"1","type":"strict","payload":5}`, names},
		{"members of the protocol are no exception", `{"type":"strict","id":"1"}`, `{"type":"strict","fault":{"code":"invalid_argument","message":"unknown member \"id\""}}`, names},
		{"only one name is another", `{"type":"sum","id":"1","a":2}`, `{"id":"1","type":"sum","data":2}`, gatesock.Envelope{Action: "type"}},

		{"nested", `{"type":"sum","requestId":"1","payload":{"a":2,"b":3},"a":7}`, `{"requestId":"1","type":"sum","payload":5}`, nested},
		{"nested and strict", `{"type":"strict","requestId":"1","payload":{"a":2,"b":3}}`, `{"requestId":"1","type":"strict","payload":5}`, nested},
		{"nested and unknown", `{"type":"strict","payload":{"c":2}}`, `{"type":"strict","fault":{"code":"invalid_argument","message":"unknown member \"payload.c\""}}`, nested},
		{"nested and strict, and unknown beside it", `{"type":"strict","requestId":"1","paylaod":{"a":2}}`, `{"requestId":"1","type":"strict","fault":{"code":"invalid_argument","message":"unknown member \"paylaod\""}}`, nested},
		{"nested and strict, and unknown without a name", `{"type":"strict","":1}`, `{"type":"strict","fault":{"code":"invalid_argument","message":"unknown member \"\""}}`, nested},
		{"strict and unknown without a name", `{"type":"strict","":1}`, `{"type":"strict","fault":{"code":"invalid_argument","message":"unknown member \"\""}}`, names},
		{"nested and strict, and a name of the envelope in it", `{"type":"strict","payload":{"type":"x"}}`, `{"type":"strict","fault":{"code":"invalid_argument","message":"unknown member \"payload.type\""}}`, nested},
		{"nested of a wrong type", `{"type":"sum","payload":{"a":"x"}}`, `{"type":"sum","fault":{"code":"invalid_argument","message":"\"payload.a\" must be a whole number, not a string"}}`, nested},
		{"nested value of a wrong type", `{"type":"sum","payload":[]}`, `{"type":"sum","fault":{"code":"invalid_argument","message":"\"payload\" must be an object, not an array"}}`, nested},
		{"nested array", `{"type":"list","payload":["a","b"]}`, `{"type":"list","payload":2}`, nested},
		{"nested and missing", `{"type":"sum"}`, `{"type":"sum","payload":0}`, nested},
		{"nested and null", `{"type":"sum","payload":null}`, `{"type":"sum","payload":0}`, nested},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := gatesock.New(quiet(), gatesock.WithEnvelope(tt.envelope))
			sum := func(_ context.Context, _ *gatesock.Request, in struct{ A, B int }) (int, error) {
				return in.A + in.B, nil
			}
			gatesock.HandleReply(r, "sum", sum)
			gatesock.HandleReply(r, "strict", sum, gatesock.StrictDecoding())
			gatesock.Handle(r, "say", typed)
			gatesock.Handle(r, "broken", func(context.Context, *gatesock.Request, say) error { return errors.New("broken") })
			gatesock.Handle(r, "huge", func(context.Context, *gatesock.Request, say) error {
				return gatesock.Errorf(gatesock.CodeNotFound, "%s", strings.Repeat("x", gatesock.MaxMessageSize))
			})
			if tt.envelope.Input != "" {
				gatesock.HandleReply(r, "list", func(_ context.Context, _ *gatesock.Request, in []string) (int, error) {
					return len(in), nil
				})
			}
			require.Equal(t, tt.want, frame(t, r, message("$default", tt.body)))
		})
	}
	r := gatesock.New(quiet(), gatesock.WithEnvelope(nested))
	gatesock.Handle(r, "say", typed)
	require.Equal(t, `{"type":"say","fault":{"code":"invalid_argument","message":"the message must be a JSON object"}}`, frame(t, r, message("say", `[]`)))
	require.Equal(t, `{"type":"say","fault":{"code":"invalid_argument","message":"the message is not valid JSON: unexpected end, want ',' or '}' at byte 13"}}`,
		frame(t, r, message("say", `{"payload":{}`)))

	push := gatesock.Push{Event: "message", Topic: "room:1", Data: "hello"}
	f, err := names.EncodePush(push, nil)
	require.NoError(t, err)
	require.Equal(t, `{"type":"message","channel":"room:1","payload":"hello"}`, string(f))
	_, err = gatesock.Envelope{Event: "data"}.EncodePush(push, nil)
	require.EqualError(t, err, `gatesock: encoding push "message": a push would have two members "data"`)
	for says, e := range map[string]gatesock.Envelope{
		`a push would have a member "id", and look like a reply`:     {Event: "id"},
		`a push would have a member "ref", and look like a reply`:    {Event: "type", Action: "type", Topic: "ref", ID: "ref"},
		`a push would have a member "error", and look like an error`: {Event: "error"},
		`a push would have a member "fault", and look like an error`: {Topic: "fault", Error: "fault"},
		`the name "\xff" is not UTF-8, so no message can have it`:    {Input: "\xff"},
	} {
		_, err = e.EncodePush(push, nil)
		require.EqualError(t, err, `gatesock: encoding push "message": `+says)
	}
	f, err = gatesock.Envelope{Topic: "id"}.EncodePush(push, nil) // its event distinguishes it from a reply
	require.NoError(t, err)
	require.Equal(t, `{"event":"message","id":"room:1","data":"hello"}`, string(f))
	plain, err := push.Encode(nil)
	require.NoError(t, err)
	same, err := gatesock.Envelope{}.EncodePush(push, nil)
	require.NoError(t, err)
	require.Equal(t, string(plain), string(same))
}

// scriptCodec encodes a value to the bytes that the value contains.
type scriptCodec struct{ gatesock.JSON }

func (scriptCodec) Marshal(v any) ([]byte, error) {
	text, _ := v.(string)
	return []byte(text), nil
}

// TestCodecsThatMakeNoJSON checks that data which is not JSON is never put into a frame.
func TestCodecsThatMakeNoJSON(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ data, why string }{
		{``, "unexpected end"},
		{`{"a":1`, "unexpected end"},
		{`1 2`, "unexpected '2', want the end"},
		{`hello`, "unexpected 'h', want a value"},
		{"\"\xff\"", "the value is not UTF-8"},
	} {
		log := new(logBuffer)
		r := gatesock.New(log.option(), gatesock.WithCodec(scriptCodec{}))
		gatesock.HandleReply(r, "say", func(context.Context, *gatesock.Request, say) (string, error) { return tt.data, nil })
		require.Equal(t, `{"id":"1","action":"say","error":{"code":"internal","message":"internal error"}}`, frame(t, r, message("say", `{"id":"1"}`)))
		require.Contains(t, log.String(), "level=ERROR")
		require.Contains(t, log.String(), "codec gatesock_test.scriptCodec did not return one JSON value")
		require.Contains(t, log.String(), tt.why)

		r = log.router(gatesock.WithCodec(scriptCodec{}))
		gatesock.Handle(r, "say", func(context.Context, *gatesock.Request, say) error {
			return gatesock.Errorf(gatesock.CodeNotFound, "no room").WithDetails(tt.data)
		})
		require.Equal(t, `{"action":"say","error":{"code":"not_found","message":"no room"}}`, frame(t, r, message("say", `{}`)))
		require.Contains(t, log.String(), tt.why)

		_, err := gatesock.Push{Event: "message", Data: tt.data}.Encode(scriptCodec{})
		require.ErrorContains(t, err, `gatesock: encoding the data of push "message": codec gatesock_test.scriptCodec did not return one JSON value: `+tt.why)
	}
	r := gatesock.New(gatesock.WithCodec(scriptCodec{}))
	gatesock.HandleReply(r, "say", func(context.Context, *gatesock.Request, say) (string, error) { return " [1]\n", nil })
	require.Equal(t, "{\"action\":\"say\",\"data\": [1]\n}", frame(t, r, message("say", `{}`)))
}

func TestPushEncode(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		push gatesock.Push
		want string
	}{
		{gatesock.Push{Event: "message", Topic: "room:1", Data: map[string]any{"text": "a<b"}}, `{"event":"message","topic":"room:1","data":{"text":"a<b"}}`},
		{gatesock.Push{Event: "tick"}, `{"event":"tick","data":null}`},
		{gatesock.Push{Event: "\"", Topic: "\xff"}, `{"event":"\"","topic":"\ufffd","data":null}`},
	} {
		got, err := tt.push.Encode(nil)
		require.NoError(t, err)
		require.Equal(t, tt.want, string(got))
	}
	_, err := gatesock.Push{}.Encode(nil)
	require.EqualError(t, err, "gatesock: encoding a push: Event is empty")
	_, err = gatesock.Push{Event: "x", Data: func() {}}.Encode(nil)
	require.ErrorContains(t, err, `gatesock: encoding the data of push "x"`)
}
