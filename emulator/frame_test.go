package emulator

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Payloads of every length are unmasked, whatever is left over after whole words.
func TestUnmask(t *testing.T) {
	t.Parallel()
	for n := range 40 {
		want := strings.Repeat("x", n)
		r := frameReader{r: bytes.NewReader(masked(opText, true, want))}
		op, payload, err := r.next()
		require.NoError(t, err)
		require.Equal(t, opText, op)
		require.Equal(t, want, string(payload))
	}
}

func TestLengthsOfFrames(t *testing.T) {
	t.Parallel()
	mask := "\x00\x00\x00\x00"
	for name, c := range map[string]struct {
		frame string
		code  int // of the violation; 0 for none
	}{
		"16 bits":                  {"\x81\xfe\x00\x80" + mask + strings.Repeat("x", 128), 0},
		"16 bits that fit into 7":  {"\x81\xfe\x00\x01" + mask + "x", 0},
		"64 bits that fit into 7":  {"\x81\xff\x00\x00\x00\x00\x00\x00\x00\x01" + mask + "x", 0},
		"64 bits":                  {"\x81\xff\x00\x00\x00\x00\x00\x01\x00\x00" + mask, 1009},
		"64 bits with the highest": {"\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00" + mask, 1002},
	} {
		r := frameReader{r: strings.NewReader(c.frame)}
		_, _, err := r.next()
		if c.code == 0 {
			require.NoError(t, err, name)
			continue
		}
		var v *violation
		require.ErrorAs(t, err, &v, name)
		require.Equal(t, c.code, v.code, name)
	}
}

// Every header that RFC 6455 or the gateway forbids is a violation before its payload is read, and
// what is left unread is the payload.
func TestForbiddenFrames(t *testing.T) {
	t.Parallel()
	first := masked(opText, false, "a")
	for name, c := range map[string]struct {
		before []byte
		header string
		code   int
		rest   int64
	}{
		"opcode 3":                          {nil, "\x83\x81mask", 1002, 1},
		"opcode 7, with a bit, unmasked":    {nil, "\xf7\x01", 1002, 1},
		"opcode 11":                         {nil, "\x8b\x81mask", 1002, 1},
		"opcode 15":                         {nil, "\x8f\x80mask", 1002, 0},
		"reserved bit 1":                    {nil, "\xc1\x81mask", 1002, 1},
		"reserved bit 2":                    {nil, "\xa1\x81mask", 1002, 1},
		"reserved bit 3 of a ping":          {nil, "\x99\x80mask", 1002, 0},
		"ping of 126 bytes":                 {nil, "\x89\xfe\x00\x7emask", 1002, 126},
		"pong of 65,536 bytes":              {nil, "\x8a\xff\x00\x00\x00\x00\x00\x01\x00\x00mask", 1002, 65536},
		"ping in fragments":                 {nil, "\x09\x80mask", 1002, 0},
		"unmasked text":                     {nil, "\x81\x05", 1002, 5},
		"unmasked close":                    {nil, "\x88\x00", 1002, 0},
		"continuation without a message":    {nil, "\x80\x81mask", 1002, 1},
		"text within a message":             {first, "\x81\x81mask", 1002, 1},
		"binary within a message":           {first, "\x82\x81mask", 1002, 1},
		"binary":                            {nil, "\x82\x81mask", 1003, 1},
		"text of 32 KB and a byte":          {nil, "\x81\xfe\x80\x01mask", 1009, 32*kb + 1},
		"text of the longest length":        {nil, "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask", 1009, 1<<63 - 1},
		"continuation of the longest":       {first, "\x80\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask", 1009, 1<<63 - 1},
		"continuation that exceeds 128 KB":  {fragments(4, 32*kb), "\x80\x81mask", 1009, 1},
		"continuation with the highest bit": {first, "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xffmask", 1002, 0},
	} {
		in := strings.NewReader(string(c.before) + c.header)
		r := frameReader{r: in}
		_, _, err := r.next()
		var v *violation
		require.ErrorAs(t, err, &v, name)
		require.Equal(t, c.code, v.code, name)
		require.Equal(t, c.rest, v.rest, name)
		require.Zero(t, in.Len(), name)
	}
}

// fragments returns the first n frames of a message, of size bytes each.
func fragments(n, size int) []byte {
	frames := masked(opText, false, strings.Repeat("x", size))
	for range n - 1 {
		frames = append(frames, masked(opContinuation, false, strings.Repeat("x", size))...)
	}
	return frames
}

func TestFragments(t *testing.T) {
	t.Parallel()
	r := frameReader{r: bytes.NewReader(slices.Concat(
		fragments(3, 32*kb), masked(opPing, true, strings.Repeat("p", 125)), masked(opContinuation, false, ""),
		masked(opContinuation, true, strings.Repeat("y", 32*kb)), masked(opText, true, "next"),
	))}
	for _, want := range []struct {
		op      opcode
		payload string
	}{
		{opPing, strings.Repeat("p", 125)},
		{opText, strings.Repeat("x", 96*kb) + strings.Repeat("y", 32*kb)},
		{opText, "next"},
	} {
		op, payload, err := r.next()
		require.NoError(t, err)
		require.Equal(t, want.op, op)
		require.Equal(t, want.payload, string(payload))
	}
	_, _, err := r.next()
	require.ErrorIs(t, err, io.EOF)
}

// A connection that dies anywhere within a message yields no message, but the error of the reader.
func TestCutOff(t *testing.T) {
	t.Parallel()
	whole := slices.Concat(
		masked(opText, false, strings.Repeat("x", 200)), masked(opPing, true, "p"), masked(opContinuation, true, "y"),
	)
	for n := range len(whole) {
		r := frameReader{r: bytes.NewReader(whole[:n])}
		op, _, err := r.next()
		if err == nil {
			require.Equal(t, opPing, op)
			_, _, err = r.next()
		}
		if err != io.EOF { //nolint:errorlint // never wrapped
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, "after %d bytes", n)
		}
	}
}
