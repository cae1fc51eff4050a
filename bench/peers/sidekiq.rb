# Sidekiq: peer.js tells the roles and what each prints. The worker is the program
# `sidekiq` itself, which loads this file with CANDY_BENCH_URL in its environment.
require "json"
require "sidekiq"

PAYLOAD = {
  "repo" => "acme/shop",
  "issue" => 1234567,
  "title" => "A title of an usual length for this",
  "n" => 123456
}.freeze
BATCH = 1000
BATCHES_UNDER_WAY = 4
BEAT_S = 0.01
LOOK_S = 0.02

def clock
  Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)
end

def say(what)
  $stdout.puts(JSON.generate(what))
  $stdout.flush
end

# The job, and what was seen of all of them.
class Noop
  include Sidekiq::Worker
  LOCK = Mutex.new
  @ran = 0
  @delays = []

  class << self
    attr_reader :ran, :delays

    def note(payload)
      now = clock
      LOCK.synchronize do
        @ran += 1
        say("first" => now) if @ran == 1
        @delays << now - payload["sent"] if payload["sent"]
      end
    end
  end

  def perform(payload)
    Noop.note(payload)
  end
end

def loops(count)
  began = clock
  threads = Array.new(count) { Thread.new { nil while yield } }
  threads.each(&:join)
  (clock - began) / 1e9
end

module Roles
  module_function

  def setup(*); end

  def single(clients, seconds)
    Noop.perform_async(PAYLOAD)
    till = clock + seconds.to_f * 1e9
    counts = Queue.new
    took = loops(clients.to_i) do
      Noop.perform_async(PAYLOAD)
      counts << 1
      clock < till
    end
    say("per_s" => counts.size / took)
  end

  def bulk(jobs)
    left = Queue.new
    (jobs.to_i / BATCH).times { left << true }
    batch = Array.new(BATCH) { [PAYLOAD] }
    took = loops(BATCHES_UNDER_WAY) do
      begin
        left.pop(true)
        Sidekiq::Client.push_bulk("class" => "Noop", "args" => batch)
      rescue ThreadError
        false
      end
    end
    say("per_s" => jobs.to_i / took)
  end

  def beat(jobs)
    jobs.to_i.times do
      Noop.perform_async(PAYLOAD.merge("sent" => clock))
      sleep(BEAT_S)
    end
  end

  # A job leaves the queue before it runs: what runs is known of the processes alone.
  def drained
    sleep(LOOK_S) until Sidekiq.redis { |redis| redis.llen("queue:default") }.zero?
    say("at" => clock)
  end
end

url = ENV.fetch("CANDY_BENCH_URL")
Sidekiq.configure_client do |config|
  config.redis = { url: "unix://#{url}", size: 64 }
end
Sidekiq.configure_server do |config|
  config.redis = { url: "unix://#{url}" }
  config.logger.level = Logger::ERROR
  config.on(:startup) { say("ready" => clock) }
  config.on(:shutdown) { say("ran" => Noop.ran, "delays" => Noop.delays) }
end

unless Sidekiq.server?
  Sidekiq.logger.level = Logger::ERROR
  Roles.public_send(ARGV.shift, *ARGV)
end
