package sqsrelay

import "github.com/gatesock/gatesock"

// Need returns the need of a queue that the program sends jobs to and receives jobs from. The
// environment variable is the queue's URL, and source is the queue's name in the mux:
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
// If another program receives the jobs, source is empty.
func Need(variable, source string) gatesock.Need {
	return gatesock.Need{
		Kind:     gatesock.NeedQueue,
		Variable: variable,
		Actions:  []string{"sqs:SendMessage"},
		Source:   source,
	}
}
