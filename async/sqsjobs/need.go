package sqsjobs

import "github.com/gatesock/gatesock"

// Need returns the need of a queue that the program sends jobs to and receives jobs from. The
// environment variable is the queue's URL, and source is the queue's name in the mux:
//
//	need := sqsjobs.Need("JOBS_QUEUE", "jobs")
//	queue, err := sqsjobs.New(client, need.Value())
//	...
//	jobs := async.New(queue, poster, db.Outcomes())
//	router.DeclareNeeds(need)
//	gatesock.Start(eventmux.New(
//		eventmux.WebSocket(router),
//		eventmux.SQS("jobs", sqsjobs.Handler(jobs)),
//	))
//
// If another program receives the jobs, source is empty.
func Need(variable, source string) gatesock.Need {
	n := gatesock.Need{
		Kind:     gatesock.NeedQueue,
		Variable: variable,
		Actions:  []string{"sqs:SendMessage"},
		Source:   source,
	}
	if source != "" {
		n.Actions = []string{"sqs:ChangeMessageVisibility", "sqs:SendMessage"}
	}
	return n
}
