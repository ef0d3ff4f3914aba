package chat

import (
	"context"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
)

// pushes are what members of a room receive without a request.
type pushes struct {
	joined, left gatesock.PushType[Notice]
	message      gatesock.PushType[Message]
	typing       gatesock.PushType[Typist]
}

func declarePushes(r *gatesock.Router) pushes {
	return pushes{
		joined:  gatesock.DeclarePush[Notice](r, "joined"),
		left:    gatesock.DeclarePush[Notice](r, "left"),
		message: gatesock.DeclarePush[Message](r, "message"),
		typing:  gatesock.DeclarePush[Typist](r, "typing"),
	}
}

// tell sends data to all connections in a room except one, and returns how many were gone.
func tell[T any](
	ctx context.Context, a *App, room, except string, kind gatesock.PushType[T], data T,
) (gone int, err error) {
	group := roomGroup(room)
	report, err := a.broadcaster.Send(ctx, broadcast.To(group).Except(except), kind.Push(group, data))
	return report.Gone, err
}
