package recipes

import (
	"context"
	"log/slog"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/breaker"
)

// Payment is a message that pays.
type Payment struct {
	Cents int `json:"cents"`
}

// Page is what a client shows.
type Page struct {
	Title       string   `json:"title"`
	Recommended []string `json:"recommended,omitempty"`
}

// newShop returns the router of a shop, which works on while payments or recommendations do not.
func newShop(
	charge func(ctx context.Context, cents int) error,
	recommend func(ctx context.Context) ([]string, error),
) *gatesock.Router {
	payments, recommendations := breaker.New("payments"), breaker.New("recommendations")
	r := gatesock.New()
	r.Use(gatesock.Recover(), gatesock.Timeout(25*time.Second))
	gatesock.Handle(r, "pay", func(ctx context.Context, _ *gatesock.Request, in Payment) error {
		return charge(ctx, in.Cents)
	}, gatesock.WithMiddleware(payments.Middleware(), gatesock.Timeout(3*time.Second)))
	gatesock.HandleReply(r, "shop", func(ctx context.Context, _ *gatesock.Request, _ struct{}) (Page, error) {
		items, err := breaker.Call(ctx, recommendations, recommend)
		if err != nil {
			slog.WarnContext(ctx, "a page without recommendations", "error", err)
		}
		return Page{Title: "Today", Recommended: items}, nil
	})
	return r
}
