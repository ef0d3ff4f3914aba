package sqsrelay

import "github.com/gatesock/gatesock"

// Need returns the need of a queue that the program both sends jobs to and gets them from. The
// environment variable has its URL, and source is the name that the queue has in the mux:
//
//	queue := sqsrelay.Need("FANOUT_QUEUE", eventmux.Any)
//	relay, err := sqsrelay.New(client, queue.Value())
//	...
//	router.DeclareNeeds(queue)
//	gatesock.Start(eventmux.New(
//		eventmux.WebSocket(router),
//		eventmux.SQS(eventmux.Any, sqsrelay.Handler(b)),
//	))
//
// If another function gets the jobs, source is empty.
func Need(variable, source string) gatesock.Need {
	return gatesock.Need{
		Kind:     gatesock.NeedQueue,
		Variable: variable,
		Actions:  []string{"sqs:SendMessage"},
		Source:   source,
	}
}
