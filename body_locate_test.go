package gatesock

import (
	"encoding/json"
	"errors"
	"net/netip"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/internal/jsonscan"
	"github.com/gatesock/gatesock/internal/jsontype"
)

type hiding struct {
	X   int  `json:"x"`
	Foo bool `json:"foo"`
}

type Pointed struct {
	Y   string `json:"y"`
	Foo int    `json:"Foo"`
}

type selfDecoding struct{ n int }

func (s *selfDecoding) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &s.n) }

type noX string

func (*noX) UnmarshalText(b []byte) error {
	if strings.HasPrefix(string(b), "x") {
		return errors.New("it has an x")
	}
	return nil
}

type tree struct {
	A int             `json:"a"`
	B *tree           `json:"b"`
	C map[string]tree `json:"c"`
	D []*tree         `json:"d"`
}

// located has the cases that encoding/json treats specially.
type located struct {
	hiding
	*Pointed
	Foo     int               `json:"fOO"`
	Tree    tree              `json:"r"`
	Twice   **tree            `json:"p"`
	Array   [2]int            `json:"arr"`
	ByInt   map[int8]bool     `json:"mi"`
	ByText  map[noX]int       `json:"mu"`
	Base64  []byte            `json:"by"`
	Bytes   [3]byte           `json:"bya"`
	Time    *time.Time        `json:"t"`
	Self    selfDecoding      `json:"u"`
	SelfPtr *selfDecoding     `json:"up"`
	Text    noX               `json:"ut"`
	Any     any               `json:"any"`
	AnyPtr  *any              `json:"any2"`
	Raw     json.RawMessage   `json:"rm"`
	Number  *json.Number      `json:"n"`
	QInt    int               `json:"qi,string"`
	QBool   **bool            `json:"qb,string"` //nolint:staticcheck // the useless option is under test
	QString string            `json:"qs,string"`
	QNumber json.Number       `json:"qn,string"`
	QText   noX               `json:"qut,string"`
	Error   error             `json:"err"`
	IP      netip.Addr        `json:"ip"`
	Huge    uint64            `json:"u64"`
	Float   float32           `json:"f"`
	Grid    [][]float64       `json:"af"`
	Map     map[string]any    `json:"many"`
	BadName int               `json:"bad\\name"` //nolint:staticcheck // the invalid name is under test
	Folded  int               `json:"ſtr"`
	Strings map[string]string `json:"s"`
}

// doc is a JSON text: an object, an array or a scalar.
type doc struct {
	names  []string // of an object, all different
	values []doc
	open   byte
	scalar string
}

func (d doc) text() string {
	if d.open == 0 {
		return d.scalar
	}
	parts := make([]string, len(d.values))
	for i, v := range d.values {
		if parts[i] = v.text(); d.open == '{' {
			parts[i] = string(jsonscan.AppendString(nil, d.names[i])) + ":" + parts[i]
		}
	}
	return string(d.open) + strings.Join(parts, ",") + string(d.open+2)
}

// upTo returns the part of a document before the value at a path, with last in place of that value.
// If last is empty, it keeps the value. It reports whether there is a value at the path.
func (d doc) upTo(path []string, last string) (doc, bool) {
	if len(path) == 0 {
		if last != "" {
			return doc{scalar: last}, true
		}
		return d, true
	}
	for i, v := range d.values {
		if d.open == '{' && d.names[i] == path[0] || d.open == '[' && "["+strconv.Itoa(i)+"]" == path[0] {
			end, ok := v.upTo(path[1:], last)
			values := append(append([]doc(nil), d.values[:i]...), end)
			return doc{names: d.names[:min(i+1, len(d.names))], values: values, open: d.open}, ok
		}
	}
	return d, false
}

const (
	memberNames = "a b c d x y f foo Foo FOO fOO r p P arr mi mu by bya t u up ut any any2 rm n N qi qb qs qn qut err ip u64 af many BadName str ſTR s 1 300"
	scalars     = `0 1 -1 -0 1.0 1e2 1e400 300 1e39 18446744073709551616 "" "x" "q" "1" "true" "null" "\"z\"" "01" "1e5"
		"\u00201" "2026-01-02T03:04:05Z" "AAAA" "A" "1.2.3.4" true false null null null`
)

// draw returns a random document.
func draw(t *rapid.T, depth int) doc {
	switch kind := rapid.IntRange(0, 9).Draw(t, "kind"); {
	case kind < 4 && depth > 0:
		return drawObject(t, depth)
	case kind < 6 && depth > 0:
		d := doc{open: '['}
		for range rapid.IntRange(0, 3).Draw(t, "elements") {
			d.values = append(d.values, draw(t, depth-1))
		}
		return d
	}
	return doc{scalar: rapid.SampledFrom(strings.Fields(scalars)).Draw(t, "scalar")}
}

func drawObject(t *rapid.T, depth int) doc {
	names := rapid.SliceOfNDistinct(rapid.SampledFrom(strings.Fields(memberNames)), 0, 4, rapid.ID)
	d := doc{open: '{', names: names.Draw(t, "names")}
	for range d.names {
		d.values = append(d.values, draw(t, depth-1))
	}
	return d
}

var (
	placeInMessage = regexp.MustCompile(`^(unknown member )?("(?:[^"\\]|\\.)*"|the message)`)
	stepOfPlace    = regexp.MustCompile(`\[\d+\]|[^.\[\]]+`)
)

// agree checks that the error names the first value that encoding/json refuses: the document up to
// it can be decoded with a null in its place, and not with the value.
func agree(t *rapid.T) {
	d := drawObject(t, 4)
	strict := rapid.Bool().Draw(t, "strict")
	decode := JSON{}.Unmarshal
	if strict {
		decode = JSON{}.UnmarshalStrict
	}
	err := decode([]byte(d.text()), new(located))
	fields := make(map[reflect.Type][]jsontype.Field)
	l := locator{s: jsonscan.NewScanner([]byte(d.text()), nil), strict: strict, fields: fields}
	found := l.value(reflect.TypeFor[located](), nil)
	if err == nil {
		require.Nil(t, found, d.text())
		return
	}
	require.NotNil(t, found, "%s: %v", d.text(), err)
	if strings.Contains(found.Message, "whose name") {
		return // which has no path
	}
	named := placeInMessage.FindStringSubmatch(found.Message)
	require.NotNil(t, named, found.Message)
	var at string
	require.NoError(t, json.Unmarshal([]byte(named[2]), &at))
	path := stepOfPlace.FindAllString(at, -1)
	with, ok := d.upTo(path, "")
	require.True(t, ok, "%s: %s", d.text(), found.Message)
	require.Error(t, decode([]byte(with.text()), new(located)), "%s: %s", d.text(), found.Message)
	if without, _ := d.upTo(path, "null"); named[1] == "" {
		require.NoError(t, decode([]byte(without.text()), new(located)), "%s: %s", d.text(), found.Message)
	}
}

func TestLocatorAgreesWithEncodingJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, agree)
}

func FuzzLocator(f *testing.F) { f.Fuzz(rapid.MakeFuzz(agree)) }
