package gatesock_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// color is a text with few valid values.
type color string

func (c *color) UnmarshalText(b []byte) error {
	if string(b) != "red" {
		return fmt.Errorf("gatesock_test.color: unknown %q", b)
	}
	*c = color(b)
	return nil
}

// interval decodes itself by decoding another type.
type interval struct{ From, To int8 }

func (i *interval) UnmarshalJSON(b []byte) error {
	type plain interval
	return json.Unmarshal(b, (*plain)(i))
}

// moody refuses everything with a message of its own.
type moody struct{}

func (moody) UnmarshalJSON([]byte) error {
	return fmt.Errorf("moody: cannot unmarshal into Go value of type moody")
}

type lineItem struct {
	Price  float64   `json:"price"`
	Single float32   `json:"single"`
	Count  uint8     `json:"count"`
	Next   *lineItem `json:"next"`
	When   interval  `json:"when"`
}

type common struct {
	Level int16 `json:"level"`
	Deep  struct {
		Flag bool `json:"flag"`
	} `json:"deep"`
}

// everything has a field of each kind.
type everything struct {
	common
	Items  []lineItem           `json:"items"`
	ByName map[string]*lineItem `json:"byName"`
	ByNum  map[int8]string      `json:"byNum"`
	ByCol  map[color]int        `json:"byColor"`
	Pair   [2]uint16            `json:"pair"`
	Data   []byte               `json:"data"`
	At     time.Time            `json:"at"`
	Until  *time.Time           `json:"until"`
	Color  color                `json:"color"`
	Moody  *moody               `json:"moody"`
	Any    any                  `json:"any"`
	OneOf  interface{ isOne() } `json:"oneOf"`
	Number json.Number          `json:"number"`
	Quoted int                  `json:"quoted,string"`
	Big    int64                `json:"big"`
	Huge   uint64               `json:"huge"`
	Grid   [][]int32            `json:"grid"`
	Text   *string              `json:"text"`
	Dashed int                  `json:"-,"` //nolint:staticcheck // a member of the name "-"
}

func TestWordsForDecodeErrors(t *testing.T) {
	t.Parallel()
	r := gatesock.New(quiet())
	route := func(key string, opts ...gatesock.RouteOption) {
		gatesock.Handle(r, key, func(context.Context, *gatesock.Request, everything) error { return nil }, opts...)
	}
	route("do")
	route("strict", gatesock.StrictDecoding())
	route("other", gatesock.WithCodec(struct{ gatesock.JSON }{}))
	for _, tt := range []struct{ body, want string }{
		{`{"items":{}}`, `"items" must be an array, not an object`},
		{`{"items":[{"price":1},{},{"price":"2"}]}`, `"items[2].price" must be a number, not a string`},
		{`{"items":[{"next":{"next":{"count":true}}}]}`, `"items[0].next.next.count" must be a whole number from 0 to 255, not a boolean`},
		{`{"items":[{"count":256}]}`, `"items[0].count" must be a whole number from 0 to 255`},
		{`{"items":[{"count":-1}]}`, `"items[0].count" must be a whole number from 0 to 255`},
		{`{"items":[{"count":1.0}]}`, `"items[0].count" must be a whole number from 0 to 255, without a fraction or an exponent`},
		{`{"items":[{"count":1e2}]}`, `"items[0].count" must be a whole number from 0 to 255, without a fraction or an exponent`},
		{`{"items":[{"price":1e999}]}`, `"items[0].price" must be a number from -1.7e308 to 1.7e308`},
		{`{"items":[{"single":1e39}]}`, `"items[0].single" must be a number from -3.4e38 to 3.4e38`},
		{`{"items":[{"when":{"from":1,"to":128}}]}`, `"items[0].when.To" must be a whole number from -128 to 127`},
		{`{"items":[{"when":"today"}]}`, `"items[0].when" must be an object, not a string`},
		{`{"items":[7]}`, `"items[0]" must be an object, not a number`},
		{`{"items":[null,{"price":[]}]}`, `"items[1].price" must be a number, not an array`},
		{`{"ITEMS":[{"Price":{}}]}`, `"ITEMS[0].Price" must be a number, not an object`},
		{`{"byName":{"a.b":{"price":"x"}}}`, `"byName.a.b.price" must be a number, not a string`},
		{`{"byName":{"\"":[]}}`, `"byName.\"" must be an object, not an array`},
		{`{"byName":[]}`, `"byName" must be an object, not an array`},
		{`{"byNum":{"1":"x","128":"y"}}`, `"byNum" has a member "128", whose name must be a whole number from -128 to 127`},
		{`{"byNum":{"one":"x"}}`, `"byNum" has a member "one", whose name must be a whole number from -128 to 127`},
		{`{"byColor":{"blue":1}}`, `"byColor" has a member "blue", whose name is not accepted`},
		{`{"pair":[1,70000]}`, `"pair[1]" must be a whole number from 0 to 65535`},
		{`{"pair":[1,2,"ignored"],"text":5}`, `"text" must be a string, not a number`},
		{`{"data":"&"}`, `"data" must be a string in base64`},
		{`{"data":5}`, `"data" must be a string in base64, not a number`},
		{`{"data":[1,300]}`, `"data[1]" must be a whole number from 0 to 255`},
		{`{"at":"2026-02-30T00:00:00Z"}`, `"at" must be a time like "2006-01-02T15:04:05Z"`},
		{`{"at":5}`, `"at" must be a time like "2006-01-02T15:04:05Z"`},
		{`{"until":"now"}`, `"until" must be a time like "2006-01-02T15:04:05Z"`},
		{`{"color":"blue"}`, `"color" has a value that is not accepted`},
		{`{"color":5}`, `"color" must be a string, not a number`},
		{`{"moody":null,"text":1}`, `"text" must be a string, not a number`},
		{`{"moody":1}`, `"moody" has a value that is not accepted`},
		{`{"oneOf":null,"any":{},"number":[]}`, `"number" must be a number, not an array`},
		{`{"oneOf":{}}`, `"oneOf" has a value that is not accepted`},
		{`{"number":"abc"}`, `"number" must be a number`},
		{`{"number":true}`, `"number" must be a number, not a boolean`},
		{`{"quoted":5}`, `"quoted" must be a string that contains a whole number`},
		{`{"quoted":"five"}`, `"quoted" must be a string that contains a whole number`},
		{`{"quoted":" 5"}`, `"quoted" must be a string that contains a whole number`},
		{`{"quoted":"05","text":5}`, `"text" must be a string, not a number`},
		{`{"any":[1,{"a":1e999}]}`, `"any[1].a" must be a number from -1.7e308 to 1.7e308`},
		{`{"big":9223372036854775808}`, `"big" must be a whole number from -9223372036854775808 to 9223372036854775807`},
		{`{"big":0.5}`, `"big" must be a whole number, without a fraction or an exponent`},
		{`{"huge":-1}`, `"huge" must be a whole number from 0 to 18446744073709551615`},
		{`{"huge":[]}`, `"huge" must be a whole number of 0 or more, not an array`},
		{`{"grid":[[1],[2,"3"]]}`, `"grid[1][1]" must be a whole number from -2147483648 to 2147483647, not a string`},
		{`{"text":{}}`, `"text" must be a string, not an object`},
		{`{"level":40000}`, `"level" must be a whole number from -32768 to 32767`},
		{`{"deep":{"flag":"x"}}`, `"deep.flag" must be a boolean, not a string`},
		{`{"-":"x"}`, `"-" must be a whole number, not a string`},
		{`"text"`, `the message must be an object, not a string`},
		{`[]`, `the message must be an object, not an array`},
		{`null`, `the message must be a JSON object`},
		{`{"items":[1,}`, `the message is not valid JSON: unexpected '}', want a value at byte 12`},
		{`{"level":01}`, `the message is not valid JSON: unexpected '1', want ',' or '}' at byte 10`},
		{"{\"text\":\"\x01\"}", `the message is not valid JSON: control character in a string at byte 9`},
	} {
		for _, key := range []string{"do", "strict"} {
			got := errorOf(t, frame(t, r, message(key, tt.body)))
			require.Equal(t, wireError{gatesock.CodeInvalidArgument, tt.want}, got, tt.body)
		}
		got := errorOf(t, frame(t, r, message("other", tt.body)))
		require.Equal(t, gatesock.CodeInvalidArgument, got.Code, tt.body)
		requireNoGo(t, tt.body, got.Message)
	}
	for _, tt := range []struct{ body, want string }{
		{`{"action":"strict","id":"1","level":1,"levle":2}`, `unknown member "levle"`},
		{`{"items":[{},{"prise":2}]}`, `unknown member "items[1].prise"`},
		{`{"deep":{"flag":true,"flog":true}}`, `unknown member "deep.flog"`},
		{`{"byName":{"a":{"b":1}}}`, `unknown member "byName.a.b"`},
	} {
		require.Equal(t, tt.want, errorOf(t, frame(t, r, message("strict", tt.body))).Message)
	}
	long := `{"byName":{"` + strings.Repeat("é", 300) + `":5}}`
	require.Equal(t, `"byName.`+strings.Repeat("é", 28)+`…`+strings.Repeat("é", 32)+`" must be an object, not a number`,
		errorOf(t, frame(t, r, message("do", long))).Message)
}

// TestDeepMessagesAreLocatedOnce checks that no message makes its error much more expensive than
// its decoding.
func TestDeepMessagesAreLocatedOnce(t *testing.T) {
	t.Parallel()
	type node struct {
		C []node
		V int
	}
	r := gatesock.New(quiet())
	gatesock.Handle(r, "tree", func(context.Context, *gatesock.Request, node) error { return nil })
	const depth = 4900
	body := strings.Repeat(`{"C":[`, depth) + `{"V":"x"}` + strings.Repeat(`]}`, depth)
	got := errorOf(t, frame(t, r, message("tree", body))).Message
	require.Regexp(t, `^"C\[0\]\.C\[0\].*…[^"]*C\[0\]\.V" must be a whole number, not a string$`, got)
}

var (
	goWords    = regexp.MustCompile(`Go |struct|gatesock|json:|time\.|map\[|\[\]|u?int\d*\b|float|cannot unmarshal|%!`)
	quotedText = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
)

// requireNoGo fails for a text that mentions Go or its types, except in quotations of the client's
// message.
func requireNoGo(t *testing.T, body, text string) {
	t.Helper()
	require.NotRegexp(t, goWords, quotedText.ReplaceAllString(text, "…"), body)
}

// FuzzDecodeErrors checks that errors mention nothing of Go, whatever the client sends.
func FuzzDecodeErrors(f *testing.F) {
	for _, seed := range []string{
		`{"items":[{"price":1},{"count":300}],"byNum":{"x":"y"}}`, `{"at":5,"moody":[]}`, `{"quoted":7}`, `{"quoted":"x"}`, `{"data":"&"}`,
		`{"color":{},"any":[1,{"a":null}]}`, `{"unknown":1}`, `[]`, `{"byName":{"a":{"when":{"to":999}}}}`, `{"byColor":{"x":1}}`, `{`, "\xff",
		`{"items":[{"single":1e99}],"pair":[-1],"number":"x","grid":[[[]]]}`,
	} {
		f.Add([]byte(seed))
	}
	r := gatesock.New(quiet())
	type nested struct{ gatesock.JSON }
	for key, opts := range map[string][]gatesock.RouteOption{
		"do": nil, "strict": {gatesock.StrictDecoding()}, "other": {gatesock.WithCodec(nested{})}, "raw": {gatesock.Raw()},
		"otherstrict": {gatesock.WithCodec(nested{}), gatesock.StrictDecoding()},
	} {
		gatesock.Handle(r, key, func(context.Context, *gatesock.Request, everything) error { return nil }, opts...)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, key := range []string{"do", "strict", "other", "raw", "otherstrict"} {
			out := frame(t, r, message(key, string(body)))
			if out == "" {
				continue
			}
			var got struct{ Error *wireError }
			require.NoError(t, json.Unmarshal([]byte(out), &got))
			if got.Error != nil {
				require.Equal(t, gatesock.CodeInvalidArgument, got.Error.Code)
				requireNoGo(t, string(body), got.Error.Message)
				if key == "do" {
					require.NotContains(t, got.Error.Message, "the message has a value", "it was not located: %s", body)
				}
			}
		}
	})
}
