package kafka

import (
	"context"
	"time"
)

// pacer holds the first produce of a transaction for a moment after the end of the one before, where that pays.
//
// EndTxn is answered before the commit markers are written. A produce that comes earlier than they are is held by
// the broker for its retry back-off (add.partitions.to.txn.retry.backoff.ms, 20 ms by default). How long the markers
// take depends on the broker, its load and the number of partitions, so the pause is not computed but chosen: of a
// few candidates the one after which transactions were acknowledged soonest, counted from the end of the one
// before, the pause included. The first transactions try each of them, and later each probeEvery-th tries one.
// Other load on the machine makes single transactions slow whatever the pause: hence the long memory, and the
// margin before the choice changes.
//
// A worker that commits seldom is never held: the pause is over before the next epoch comes.
type pacer struct {
	enabled bool
	last    time.Time // end of the last transaction; zero: none yet
	paced   bool      // the transaction under way follows the last end closely enough to tell something
	chosen  int       // index of the best pause so far
	arm     int       // index of the pause in use: the chosen one or one that is tried
	probe   int       // index of the pause to try next
	rounds  int
	cost    [len(pauses)]time.Duration // mean of about the last memory transactions, by pause
	tries   [len(pauses)]int
}

// pauses are the candidates.
var pauses = [...]time.Duration{0, 1500 * time.Microsecond, 3 * time.Millisecond, 6 * time.Millisecond}

const (
	pauseStart  = 2                     // index of the pause to begin with
	pauseOver   = 20 * time.Millisecond // a transaction that comes later tells nothing about markers
	probeEvery  = 16
	costMax     = 30 * time.Millisecond // what takes longer was held up by something else
	memory      = 64
	triesMin    = 8                      // before a pause is believed in
	margin      = 400 * time.Microsecond // by which another pause must be better
	bytesPerSec = 40 << 20               // what a produce takes for its size is not counted
)

func newPacer() pacer { return pacer{enabled: true, chosen: pauseStart} }

// choose picks the pause before the next transaction.
func (p *pacer) choose() {
	if p.rounds++; p.rounds > 0 && (p.rounds%probeEvery == 0 || p.tries[p.probe] < triesMin) {
		p.arm, p.probe = p.probe, (p.probe+1)%len(pauses)
		return
	}
	for i, c := range p.cost {
		if p.tries[i] >= triesMin && p.tries[p.chosen] >= triesMin && c < p.cost[p.chosen]-margin {
			p.chosen = i
		}
	}
	p.arm = p.chosen
}

// wait returns when the next transaction may produce.
func (p *pacer) wait(ctx context.Context) {
	if !p.enabled || p.last.IsZero() {
		return
	}
	since := time.Since(p.last)
	if p.paced = since < pauseOver; !p.paced {
		return
	}
	p.choose()
	left := pauses[p.arm] - since
	if left <= 0 {
		p.paced = since < pauses[p.arm]+pauses[1] // else it says nothing about this pause
		return
	}
	sleep(ctx, left)
}

// settle waits until the markers of the transaction before are very probably written. A transaction that writes
// nothing needs it: the broker does not hold its offsets but refuses them, and the client then aborts.
func (p *pacer) settle(ctx context.Context) {
	if p.paced = false; p.enabled && !p.last.IsZero() {
		sleep(ctx, time.Until(p.last.Add(pauseOver)))
	}
}

func sleep(ctx context.Context, d time.Duration) {
	if d > 0 {
		_ = pause(ctx, d) // who waited finds out soon enough that the context has ended
	}
}

// produced notes that the transaction's size bytes are acknowledged.
func (p *pacer) produced(size int) {
	if p.enabled && p.paced {
		p.learn(time.Since(p.last) - time.Duration(size)*time.Second/bytesPerSec)
	}
}

// learn takes up what the transaction under way cost.
func (p *pacer) learn(cost time.Duration) {
	cost = min(max(cost, pauses[p.arm]), costMax)
	p.tries[p.arm] = min(p.tries[p.arm]+1, memory)
	p.cost[p.arm] += (cost - p.cost[p.arm]) / time.Duration(p.tries[p.arm])
}

// ended notes the end of a transaction.
func (p *pacer) ended() { p.last = time.Now() }
