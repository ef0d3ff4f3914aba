package recipes

import (
	"context"

	"github.com/gatesock/gatesock/broadcast"
)

// signOut closes all connections of a user.
func signOut(ctx context.Context, b *broadcast.Broadcaster, user string) error {
	report, err := b.Disconnect(ctx, broadcast.ToUser(user))
	if err != nil {
		return err
	}
	return report.Err()
}
