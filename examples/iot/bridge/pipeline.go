package bridge

import (
	"maps"
	"sync"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// maxUnderWay is how many messages of a client are handled at the same time. Its next ones wait in
// its connection.
const maxUnderWay = 64

// pipeline handles the messages of a client. Those of one device are handled in their order, those
// of different devices at the same time. Messages are acknowledged in their order, each after it
// was handled.
type pipeline struct {
	running sync.WaitGroup
	slots   chan struct{}

	// Only the client's own goroutine uses these. Each channel is closed when what it stands for is
	// done.
	lanes map[string]chan struct{} // the last message of each device
	acked chan struct{}            // the acknowledgement of the last message
}

func newPipeline() pipeline {
	done := make(chan struct{})
	close(done)
	return pipeline{slots: make(chan struct{}, maxUnderWay), lanes: map[string]chan struct{}{}, acked: done}
}

// start runs handle for a message of a device, and then acknowledge, if handle has succeeded.
// Before that it waits until there is room.
func (p *pipeline) start(device string, handle func() error, acknowledge func()) {
	p.slots <- struct{}{}
	if len(p.lanes) > 2*maxUnderWay {
		p.lanes = p.busy()
	}
	before, ackedBefore := p.lanes[device], p.acked
	handled, acked := make(chan struct{}), make(chan struct{})
	p.lanes[device], p.acked = handled, acked
	p.running.Go(func() {
		defer func() { <-p.slots }()
		defer close(acked)
		if before != nil {
			<-before
		}
		err := handle()
		close(handled)
		<-ackedBefore
		if err == nil {
			acknowledge()
		}
	})
}

// busy returns the lanes that have a message under way.
func (p *pipeline) busy() map[string]chan struct{} {
	busy := maps.Clone(p.lanes)
	maps.DeleteFunc(busy, func(_ string, handled chan struct{}) bool {
		select {
		case <-handled:
			return true
		default:
			return false
		}
	})
	return busy
}

// acknowledge acknowledges a message.
func acknowledge(cl *mqtt.Client, pk packets.Packet) {
	if pk.FixedHeader.Qos == 1 {
		_ = cl.WritePacket(packets.Packet{ // without it, the client sends the message again
			FixedHeader: packets.FixedHeader{Type: packets.Puback}, PacketID: pk.PacketID,
		})
	}
}
