package broadcast_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/broadcast"
)

// TestReportAdd checks each count, so that a new one is not forgotten.
func TestReportAdd(t *testing.T) {
	t.Parallel()
	counted := func(factor int) (r broadcast.Report) {
		v := reflect.ValueOf(&r).Elem()
		for i := range v.NumField() {
			if f := v.Field(i); f.Kind() == reflect.Int {
				f.SetInt(int64(factor * (i + 1)))
			}
		}
		return r
	}
	sum, other := counted(1), counted(10)
	sum.ID, sum.HandedOff, sum.Cursor = "id", []string{"job"}, "cursor"
	other.ID, other.HandedOff, other.Cursor, other.Incomplete = "other", []string{"another"}, "next", true
	want := counted(11)
	want.ID, want.HandedOff, want.Cursor, want.Incomplete = "id", []string{"job"}, "cursor", true
	sum.Add(other)
	require.Equal(t, want, sum)
}

// TestReportAddKeepsFewErrors adds errors up to as many as a report has.
func TestReportAddKeepsFewErrors(t *testing.T) {
	t.Parallel()
	var sum broadcast.Report
	for range 5 {
		sum.Add(broadcast.Report{Errors: make([]broadcast.PostError, 6)})
	}
	require.Len(t, sum.Errors, 20)
	sum.Add(broadcast.Report{Errors: []broadcast.PostError{{Err: errors.New("one more")}}})
	require.Len(t, sum.Errors, 20)
}
