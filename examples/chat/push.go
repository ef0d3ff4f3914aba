package chat

import "github.com/gatesock/gatesock"

// pushes are what members of a room receive without a request, beside those of its presence.
type pushes struct {
	message gatesock.PushType[Message]
	typing  gatesock.PushType[Typist]
}

func declarePushes(r *gatesock.Router) pushes {
	return pushes{
		message: gatesock.DeclarePush[Message](r, "message"),
		typing:  gatesock.DeclarePush[Typist](r, "typing"),
	}
}
