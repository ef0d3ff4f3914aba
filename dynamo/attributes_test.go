package dynamo_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
)

// A change that is too large, by itself or together with the record, is refused before anything
// changes, and the error names the attribute.
func TestTooLargeAttributesAreRefusedByName(t *testing.T) {
	t.Parallel()
	h := opened(t)
	kept := map[string]string{"kept": strings.Repeat("k", 300<<10)}
	require.NoError(t, h.Store.Put(t.Context(), conn.Conn{ID: "a", Attributes: kept}))
	many := make(map[string]string)
	for i := range dynamo.MaxChanges {
		many[fmt.Sprint("n", i)] = "v"
	}
	long := strings.Repeat("n", 64<<10)
	for want, c := range map[string]struct {
		set    map[string]string
		remove []string
	}{
		`the largest is attribute "blob", which has 409605 bytes`:                         {map[string]string{"blob": strings.Repeat("x", 400<<10), "s": ""}, nil},
		`attribute "blob", which has 122885 bytes: the record of connection "a" would`:    {map[string]string{"blob": strings.Repeat("x", 120<<10), "s": ""}, nil},
		`the name of attribute "nnn.*…" has 65536 bytes, the most is 65535`:               {map[string]string{long: ""}, nil},
		`the name of attribute "nnn.*…" has 65536 bytes, the most is 65535; it is remove`: {nil, []string{long}},
		"101 attributes are to be changed, the most is 100":                               {many, []string{"one more"}},
	} {
		want, _, _ := strings.Cut(want, "; it is remove")
		_, err := h.Store.SetAttributes(t.Context(), "a", c.set, c.remove...)
		require.ErrorIs(t, err, conn.ErrInvalid, want)
		require.Regexp(t, want, err)
		require.Less(t, len(err.Error()), 400)
	}
	got, err := h.Store.Get(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, kept, got.Attributes)

	longest := strings.Repeat("n", 64<<10-1)
	many["kept"] = ""
	delete(many, "n0")
	got, err = h.Store.SetAttributes(t.Context(), "a", many)
	require.NoError(t, err, "as many as are allowed")
	require.Equal(t, many, got.Attributes)
	got, err = h.Store.SetAttributes(t.Context(), "a", map[string]string{longest: "v"})
	require.NoError(t, err)
	require.Equal(t, "v", got.Attributes[longest])
	many[longest] = "v"
	for name := range many {
		delete(many, name)
		got, err = h.Store.SetAttributes(t.Context(), "a", nil, name)
		require.NoError(t, err)
		require.Len(t, got.Attributes, len(many))
		if len(many) < 97 {
			break
		}
	}
}

// A record that an earlier version has put without attributes has no map of them. Two that set the
// first ones at the same time lose nothing.
func TestAttributesOfBareRecords(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for i := range 10 {
		bareRecord(s)
		errs := make(chan error, 2)
		for _, name := range []string{"a", "b"} {
			go func() {
				_, err := s.SetAttributes(t.Context(), id, map[string]string{name: "v"}, "none")
				errs <- err
			}()
		}
		require.NoError(t, <-errs)
		require.NoError(t, <-errs)
		got, err := s.Delete(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, map[string]string{"a": "v", "b": "v"}, got.Attributes, "in round %d", i)
	}
	bareRecord(s)
	got, err := s.SetAttributes(t.Context(), id, nil, "none")
	require.NoError(t, err)
	require.Nil(t, got.Attributes)
	require.Equal(t, "ann", got.User)
}

// Names that are to be removed and that no record has room for are refused before they are sent,
// those that one has are not.
func TestRemovalsOfLongNames(t *testing.T) {
	t.Parallel()
	namespace := dynamo.WithNamespace(dynamotest.Namespace(t))
	store := dynamo.Open(dynamotest.Client(t), dynamotest.Table(t), namespace).Connections()
	const size = 60 << 10
	long := func(n int) (names []string) {
		for i := range n {
			names = append(names, fmt.Sprint(i, strings.Repeat("x", size)))
		}
		return names
	}
	attributes := make(map[string]string)
	for _, name := range long(6) {
		attributes[name] = ""
	}
	require.NoError(t, store.Put(t.Context(), conn.Conn{ID: "a", Attributes: attributes}))
	for _, n := range []int{7, 40, dynamo.MaxChanges} {
		_, err := store.SetAttributes(t.Context(), "a", nil, long(n)...)
		require.ErrorIs(t, err, conn.ErrInvalid, n)
		require.ErrorContains(t, err, "to be removed")
	}
	c, err := store.SetAttributes(t.Context(), "a", map[string]string{"k": strings.Repeat("v", 300<<10)}, long(6)...)
	require.NoError(t, err, "a record's whole content may be exchanged")
	require.Len(t, c.Attributes, 1)
}
