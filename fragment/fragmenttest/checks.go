package fragmenttest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatesock/gatesock/fragment"
)

func checks() []check {
	return []check{
		{"the last piece gets the message", complete},
		{"pieces come in any order", anyOrder},
		{"a piece that comes twice counts once", twice},
		{"a message is returned once", returnedOnce},
		{"of many pieces at once one gets the message", race},
		{"a piece that contradicts is not kept", contradiction},
		{"a message has a largest size", tooLarge},
		{"a connection has a number of messages", tooMany},
		{"a message is kept for its time", kept},
		{"a message is forgotten after its time", forgotten},
		{"a complete message is forgotten after its time", completeForgotten},
		{"what is forgotten makes room", makesRoom},
		{"messages and connections are apart", apart},
		{"a message of the largest size comes back", largest},
		{"an ended context ends a call", cancelled},
	}
}

func complete(ctx context.Context, s stores) error {
	return steps(
		func() error { return add(ctx, s.a, piece(0, 3, `{"text":"ü`), "") },
		func() error { return add(ctx, s.b, piece(1, 3, "\u2028\n"), "") },
		func() error { return add(ctx, s.a, piece(2, 3, `"}`), "{\"text\":\"ü\u2028\n\"}") },
	)
}

func anyOrder(ctx context.Context, s stores) error {
	for n, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		for i, index := range order {
			p := piece(index, 3, fmt.Sprint("piece ", index, "."))
			p.Message = fmt.Sprint("m", n)
			want := ""
			if i == 2 {
				want = "piece 0.piece 1.piece 2."
			}
			if err := add(ctx, s.a, p, want); err != nil {
				return fmt.Errorf("order %v: %w", order, err)
			}
		}
	}
	return nil
}

func twice(ctx context.Context, s stores) error {
	return steps(
		func() error { return add(ctx, s.a, piece(0, 2, "a"), "") },
		func() error { return add(ctx, s.a, piece(0, 2, "a"), "") },
		func() error { return add(ctx, s.b, piece(0, 2, "a"), "") },
		func() error { return add(ctx, s.b, piece(1, 2, "a"), "aa") },
	)
}

func returnedOnce(ctx context.Context, s stores) error {
	return steps(
		func() error { return add(ctx, s.a, piece(0, 2, "a"), "") },
		func() error { return add(ctx, s.a, piece(1, 2, "b"), "ab") },
		func() error { return add(ctx, s.b, piece(1, 2, "b"), "") },
		func() error { return add(ctx, s.a, piece(0, 2, "a"), "") },
		func() error { s.clock.Advance(fragment.Keep - time.Second); return nil },
		func() error { return add(ctx, s.b, piece(0, 2, "a"), "") },
		func() error { return add(ctx, s.b, piece(1, 2, "b"), "") },
	)
}

func race(ctx context.Context, s stores) error {
	for i := range 5 {
		var pieces []fragment.Piece
		var want strings.Builder
		for index := range 8 {
			p := piece(index, 8, fmt.Sprint(index, ","))
			p.Message = fmt.Sprint("m", i)
			pieces = append(pieces, p, p, p)
			want.WriteString(p.Data)
		}
		got, err := s.atOnce(ctx, pieces)
		if err != nil {
			return err
		}
		if !slices.Equal(got, []string{want.String()}) {
			return fmt.Errorf("of 24 calls at once, %d got a message: %.200q, want one %q", len(got), got, want.String())
		}
	}
	return nil
}

func contradiction(ctx context.Context, s stores) error {
	return steps(
		func() error { return add(ctx, s.a, piece(0, 2, "a"), "") },
		func() error { return refused(ctx, s.a, piece(0, 2, "b"), limits(), fragment.ErrContradiction) },
		func() error { return refused(ctx, s.b, piece(0, 2, "aa"), limits(), fragment.ErrContradiction) },
		func() error { return refused(ctx, s.b, piece(1, 3, "b"), limits(), fragment.ErrContradiction) },
		func() error { return refused(ctx, s.b, piece(0, 3, "a"), limits(), fragment.ErrContradiction) },
		func() error { return add(ctx, s.b, piece(1, 2, "c"), "ac") },
	)
}

func tooLarge(ctx context.Context, s stores) error {
	l := fragment.Limits{Size: 10, Messages: 3}
	return steps(
		func() error { return refused(ctx, s.a, piece(0, 3, "01234567890"), l, fragment.ErrTooLarge) },
		func() error { _, err := s.a.Add(ctx, piece(0, 3, "0123"), l); return err },
		func() error { _, err := s.b.Add(ctx, piece(2, 3, "89"), l); return err },
		func() error { return refused(ctx, s.b, piece(1, 3, "45678"), l, fragment.ErrTooLarge) },
		func() error {
			got, err := s.b.Add(ctx, piece(1, 3, "4567"), l)
			if err != nil || string(got) != "0123456789" {
				return fmt.Errorf("a message of the largest size: %q, %w", got, err)
			}
			return nil
		},
	)
}

// message returns a piece of another message.
func message(id string, p fragment.Piece) fragment.Piece {
	p.Message = id
	return p
}

func tooMany(ctx context.Context, s stores) error {
	other := piece(0, 2, "a")
	other.ConnectionID = "d"
	return steps(
		func() error { return add(ctx, s.a, message("1", piece(0, 2, "a")), "") },
		func() error { return add(ctx, s.b, message("2", piece(0, 2, "a")), "") },
		func() error { return add(ctx, s.b, message("3", piece(0, 3, "a")), "") },
		func() error { return refused(ctx, s.a, message("4", piece(0, 2, "a")), limits(), fragment.ErrTooMany) },
		func() error { return add(ctx, s.a, message("3", piece(1, 3, "b")), "") },
		func() error { return add(ctx, s.a, other, "") },
		func() error { return add(ctx, s.a, message("2", piece(1, 2, "b")), "ab") },
		func() error { return add(ctx, s.a, message("4", piece(1, 2, "b")), "") },
		func() error { return refused(ctx, s.b, message("5", piece(0, 2, "a")), limits(), fragment.ErrTooMany) },
		func() error { return add(ctx, s.b, message("4", piece(0, 2, "a")), "ab") },
	)
}

func kept(ctx context.Context, s stores) error {
	return steps(
		func() error { return add(ctx, s.a, piece(1, 2, "b"), "") },
		func() error { s.clock.Advance(fragment.Keep); return nil },
		func() error { return add(ctx, s.b, piece(0, 2, "a"), "ab") },
	)
}

// later is when the store has forgotten, by a clock in seconds too.
const later = fragment.Keep + 2*time.Second

func forgotten(ctx context.Context, s stores) error {
	return steps(
		func() error { return add(ctx, s.a, piece(1, 3, "b"), "") },
		func() error { s.clock.Advance(later / 2); return nil },
		func() error { return add(ctx, s.a, piece(2, 3, "c"), "") },
		func() error { s.clock.Advance(later / 2); return nil },
		func() error { return add(ctx, s.b, piece(0, 3, "x"), "") },
		func() error { return add(ctx, s.b, piece(1, 3, "y"), "") },
		func() error { return add(ctx, s.b, piece(2, 3, "z"), "xyz") },
	)
}

func completeForgotten(ctx context.Context, s stores) error {
	return steps(
		func() error { return add(ctx, s.a, piece(0, 2, "a"), "") },
		func() error { return add(ctx, s.a, piece(1, 2, "b"), "ab") },
		func() error { s.clock.Advance(later); return nil },
		func() error { return add(ctx, s.b, piece(1, 2, "b"), "") },
		func() error { return add(ctx, s.a, piece(0, 2, "a"), "ab") },
	)
}

func makesRoom(ctx context.Context, s stores) error {
	return steps(
		func() error { return add(ctx, s.a, message("1", piece(0, 2, "a")), "") },
		func() error { return add(ctx, s.a, message("2", piece(0, 2, "a")), "") },
		func() error { return add(ctx, s.a, message("3", piece(0, 2, "a")), "") },
		func() error { s.clock.Advance(later); return nil },
		func() error { return add(ctx, s.b, message("4", piece(0, 2, "a")), "") },
		func() error { return add(ctx, s.b, message("4", piece(1, 2, "b")), "ab") },
	)
}

func apart(ctx context.Context, s stores) error {
	names := [][2]string{
		{"c", "m"},
		{"c", "m#"},
		{"c#m", "m"},
		{"c", "m#m"},
		{"c#", "m"},
		{"d", "m"},
		{"c#m#m", "m"},
		{"c", "m#0000"},
		{"e", "\x00"},
		{"e", " "},
		{"f", "ü/\"\n"},
		{"f", strings.Repeat("🎉", 32)},
	}
	for index := range 2 {
		for i, n := range names {
			p := fragment.Piece{ConnectionID: n[0], Message: n[1], Index: index, Count: 2, Data: fmt.Sprint(i, ".")}
			l := fragment.Limits{Size: limits().Size, Messages: len(names)}
			got, err := s.a.Add(ctx, p, l)
			want := strings.Repeat(fmt.Sprint(i, "."), 2*index)
			if err != nil || string(got) != want {
				return fmt.Errorf("message %q of connection %q: the store returns %q and %w, want %q", n[1], n[0], got, err, want)
			}
		}
	}
	return nil
}

func largest(ctx context.Context, s stores) error {
	var want strings.Builder
	for i := range fragment.MaxCount {
		text := strings.Repeat(fmt.Sprintf("%03d ", i), limits().Size/fragment.MaxCount/4)
		want.WriteString(text)
		message := ""
		if i == fragment.MaxCount-1 {
			message = want.String()
		}
		if err := add(ctx, s.a, piece(i, fragment.MaxCount, text), message); err != nil {
			return err
		}
	}
	return nil
}

func cancelled(ctx context.Context, s stores) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	return steps(
		func() error { return refused(ended, s.a, piece(0, 2, "a"), limits(), context.Canceled) },
		func() error { return add(ctx, s.a, piece(1, 2, "b"), "") },
		func() error { return add(ctx, s.a, piece(0, 2, "a"), "ab") },
	)
}
