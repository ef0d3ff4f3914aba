// Package topictest tests implementations of [topic.Log]. Call [Run] from a test of your own log;
// it has a subtest for each promise of the interface:
//
//	func TestLog(t *testing.T) {
//		topictest.Run(t, func(t testing.TB, now func() time.Time) topictest.Harness {
//			store := mylog.NewStore()
//			return topictest.Harness{
//				Logs:   []topic.Log{mylog.New(store, now), mylog.New(store, now)},
//				Lose:   …,
//				Delete: …,
//			}
//		})
//	}
//
// [RunModel] compares a log with a simple model over random calls. Run includes a few of these
// sequences; call RunModel for more.
//
// [RunRoster] tests implementations of [topic.Roster], and [RunValues] those of [topic.Values].
package topictest
