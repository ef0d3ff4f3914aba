package gatesock_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

type order struct {
	Item   string            `json:"item"`
	Count  int8              `json:"count"`
	Price  float64           `json:"price"`
	Gift   bool              `json:"gift"`
	Notes  []string          `json:"notes"`
	To     struct{ Zip int } `json:"to"`
	Size   uint              `json:"size"`
	At     time.Time         `json:"at"`
	Labels map[string]string `json:"labels"`
}

func (o order) Validate() error {
	switch o.Item {
	case "nothing":
		return errors.New(`"item" must be something`)
	case "gold":
		return gatesock.Errorf(gatesock.CodePermissionDenied, "no gold for you")
	default:
		return nil
	}
}

// wholeNumber accepts the strings of the protocol, and numbers.
type wholeNumber int

func (n *wholeNumber) UnmarshalJSON(b []byte) error {
	if string(b) == `"map"` {
		return nil
	}
	return json.Unmarshal(b, (*int)(n))
}

// pointerOrder declares Validate on the pointer.
type pointerOrder struct{ Item string }

func (o *pointerOrder) Validate() error {
	if o.Item == "" {
		return errors.New(`"Item" is empty`)
	}
	return nil
}

func TestRefusedBodies(t *testing.T) {
	t.Parallel()
	r := gatesock.New(quiet())
	called := func(context.Context, *gatesock.Request, order) error { return errors.New("the handler was called") }
	gatesock.Handle(r, "order", called)
	gatesock.Handle(r, "strict", called, gatesock.StrictDecoding())
	gatesock.Handle(r, "pointed", func(context.Context, *gatesock.Request, *order) error { return errors.New("the handler was called") })
	gatesock.Handle(r, "pointedpointer", func(context.Context, *gatesock.Request, *pointerOrder) error {
		return errors.New("the handler was called")
	})
	gatesock.Handle(r, "map", func(context.Context, *gatesock.Request, map[string]wholeNumber) error {
		return errors.New("the handler was called")
	})
	gatesock.Handle(r, "pointer", func(context.Context, *gatesock.Request, pointerOrder) error {
		return errors.New("the handler was called")
	})

	for _, tt := range []struct{ name, route, body, want string }{
		{"not JSON", "order", `{"item":`, `the message is not valid JSON: unexpected end, want a value at byte 8`},
		{"empty", "order", ``, `the message is not valid JSON: unexpected end, want a value at byte 0`},
		{"data after", "order", `{} {}`, `the message is not valid JSON: unexpected '{', want the end at byte 3`},
		{"array", "order", `[1]`, `the message must be an object, not an array`},
		{"string", "order", `"hi"`, `the message must be an object, not a string`},
		{"null", "order", `null`, `the message must be a JSON object`},
		{"wrong type", "order", `{"item":5}`, `"item" must be a string, not a number`},
		{"object for a string", "order", `{"item":{}}`, `"item" must be a string, not an object`},
		{"string for an integer", "order", `{"count":"1"}`, `"count" must be a whole number from -128 to 127, not a string`},
		{"fraction", "order", `{"count":1.5}`, `"count" must be a whole number from -128 to 127, without a fraction or an exponent`},
		{"too big", "order", `{"count":300}`, `"count" must be a whole number from -128 to 127`},
		{"negative", "order", `{"size":-1}`, `"size" must be a whole number from 0 to 18446744073709551615`},
		{"number for a boolean", "order", `{"gift":1}`, `"gift" must be a boolean, not a number`},
		{"boolean for a number", "order", `{"price":true}`, `"price" must be a number, not a boolean`},
		{"element", "order", `{"notes":["a",2]}`, `"notes[1]" must be a string, not a number`},
		{"nested", "order", `{"to":{"Zip":"x"}}`, `"to.Zip" must be a whole number, not a string`},
		{"value of an own type", "order", `{"item":"x","at":"yesterday"}`, `"at" must be a time like "2006-01-02T15:04:05Z"`},
		{"array for a map", "order", `{"labels":[]}`, `"labels" must be an object, not an array`},
		{"numeric id", "order", `{"id":7}`, `"id" must be a string of at most 128 bytes`},
		{"validation", "order", `{"item":"nothing"}`, `"item" must be something`},
		{"validation on the pointer", "pointer", `{}`, `"Item" is empty`},
		{"validation of what is pointed to", "pointed", `{"item":"nothing"}`, `"item" must be something`},
		{"validation on the pointer that is asked for", "pointedpointer", `{}`, `"Item" is empty`},
		{"null for a pointer", "pointed", ` null `, `the message must be a JSON object`},
		{"member of a map", "map", `{"a":1,"b":"x"}`, `"b" must be a whole number, not a string`},
		{"unknown member", "strict", `{"action":"strict","id":"1","itme":"x"}`, `unknown member "itme"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got struct {
				Error struct{ Code, Message string }
			}
			require.NoError(t, json.Unmarshal([]byte(frame(t, r, message(tt.route, tt.body))), &got))
			require.Equal(t, "invalid_argument", got.Error.Code)
			require.Equal(t, tt.want, got.Error.Message)
		})
	}
	require.Equal(t, `{"action":"order","error":{"code":"permission_denied","message":"no gold for you"}}`,
		frame(t, r, message("order", `{"item":"gold"}`)))
}

func TestStrictDecoding(t *testing.T) {
	t.Parallel()
	r := gatesock.New(gatesock.StrictDecoding())
	gatesock.HandleReply(r, "plain", func(_ context.Context, _ *gatesock.Request, in say) (say, error) { return in, nil })
	type withAction struct{ Action, ID, Text string }
	gatesock.HandleReply(r, "own", func(_ context.Context, _ *gatesock.Request, in withAction) (withAction, error) {
		return in, nil
	})
	type actionAlone struct{ Action string }
	gatesock.Handle(r, "one", func(context.Context, *gatesock.Request, actionAlone) error { return nil })
	require.Equal(t, `{"id":"1","action":"plain","data":{"room":"a","text":"b"}}`,
		frame(t, r, message("plain", `{"action":"plain", "room":"a" ,"id":"1","text":"b"}`)))
	require.Equal(t, `{"id":"1","action":"one","data":null}`, frame(t, r, message("one", `{"action":"one","id":"1"}`)))
	require.Equal(t, `{"id":"1","action":"own","data":{"Action":"own","ID":"1","Text":"b"}}`,
		frame(t, r, message("own", `{"action":"own","id":"1","text":"b"}`)))
}

// upperCodec is a codec of the application.
type upperCodec struct{ gatesock.JSON }

func (upperCodec) Unmarshal([]byte, any) error {
	return gatesock.Errorf(gatesock.CodeTooLarge, "own words")
}

func TestCodecOfARoute(t *testing.T) {
	t.Parallel()
	r := gatesock.New(quiet())
	gatesock.Handle(r, "say", typed, gatesock.WithCodec(upperCodec{}))
	require.Equal(t, `{"action":"say","error":{"code":"too_large","message":"own words"}}`, frame(t, r, message("say", `{}`)))
}

func FuzzInvoke(f *testing.F) {
	f.Add([]byte(`{"action":"order","item":"x"}`))
	f.Add([]byte(`{"action":"order","at":1,"to":null,"count":1e99}`))
	f.Add([]byte("\xff"))
	r := gatesock.New(quiet())
	for _, opts := range [][]gatesock.RouteOption{nil, {gatesock.StrictDecoding()}} {
		key := "order"
		if opts != nil {
			key = "strict"
		}
		gatesock.HandleReply(r, key, func(_ context.Context, _ *gatesock.Request, in order) (order, error) {
			return in, nil
		}, opts...)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = r.Invoke(t.Context(), body)
		for _, key := range []string{"order", "strict", "$default"} {
			out, err := r.Invoke(t.Context(), message(key, string(body)))
			require.NoError(t, err)
			var resp struct{ Body string }
			require.NoError(t, json.Unmarshal(out, &resp))
			require.True(t, json.Valid([]byte(resp.Body)), resp.Body)
		}
	})
}

func TestJSONUnmarshalStrict(t *testing.T) {
	t.Parallel()
	var v say
	require.NoError(t, gatesock.JSON{}.UnmarshalStrict([]byte(`{"room":"a"} `), &v))
	require.Error(t, gatesock.JSON{}.UnmarshalStrict([]byte(`{"room":"a"} {}`), &v))
	require.Error(t, gatesock.JSON{}.UnmarshalStrict([]byte(`{"rom":"a"}`), &v))
	b, err := gatesock.JSON{}.Marshal(nil)
	require.NoError(t, err)
	require.Equal(t, "null", string(b))
}
