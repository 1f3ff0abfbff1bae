import type { NotificationTrigger } from "#store/notifications.ts";

/**
 * What messages say. `{…}` stands for the kind of stop as the tracking page calls it ("Your delivery"), the brand, a
 * number, or times; a sentence whose values are not known is left out.
 */
export type MessageTexts = {
  /** A subject and the first sentence, by trigger; `one` where the number is 1. */
  triggers: Readonly<Record<NotificationTrigger, { subject: string; body: string; one?: string; none?: string }>>;
  window: string;
  latest: string;
  follow: string;
  support: string;
};

const EN: MessageTexts = {
  triggers: {
    routeStarted: { subject: "{what} is on its way today", body: "Our driver has set out." },
    stopsAway: {
      subject: "{what} is getting close",
      body: "There are {n} stops before yours.",
      one: "There is one stop before yours.",
      none: "You are next.",
    },
    minutesAway: {
      subject: "{what} arrives in about {n} minutes",
      body: "We should be with you in about {n} minutes.",
      one: "We should be with you in about a minute.",
    },
    arrived: { subject: "{what} is here", body: "Our driver has arrived." },
    delivered: { subject: "{what}: done", body: "All done. Thank you!" },
    failed: { subject: "{what}: we could not complete it", body: "Unfortunately it did not work out this time." },
    delayed: { subject: "{what} is running late", body: "We are later than promised, and we are sorry." },
  },
  window: "Expected between {from} and {to}.",
  latest: "At the latest by {time}.",
  follow: "Follow it live",
  support: "Questions?",
};

const DE: MessageTexts = {
  triggers: {
    routeStarted: { subject: "{what} ist heute unterwegs", body: "Unser Fahrzeug ist losgefahren." },
    stopsAway: {
      subject: "{what} kommt näher",
      body: "Es sind noch {n} Halte vor Ihnen.",
      one: "Es ist noch ein Halt vor Ihnen.",
      none: "Sie sind als Nächstes dran.",
    },
    minutesAway: {
      subject: "{what} ist in etwa {n} Minuten da",
      body: "Wir sind in etwa {n} Minuten bei Ihnen.",
      one: "Wir sind in etwa einer Minute bei Ihnen.",
    },
    arrived: { subject: "{what} ist da", body: "Wir sind angekommen." },
    delivered: { subject: "{what}: erledigt", body: "Alles erledigt. Vielen Dank!" },
    failed: { subject: "{what}: es hat nicht geklappt", body: "Leider hat es dieses Mal nicht geklappt." },
    delayed: { subject: "{what} verspätet sich", body: "Wir kommen später als zugesagt und bitten um Entschuldigung." },
  },
  window: "Voraussichtlich zwischen {from} und {to}.",
  latest: "Spätestens um {time}.",
  follow: "Live verfolgen",
  support: "Fragen?",
};

const ES: MessageTexts = {
  triggers: {
    routeStarted: { subject: "{what}: hoy en camino", body: "Nuestro vehículo ha salido." },
    stopsAway: {
      subject: "{what}: ya se acerca",
      body: "Quedan {n} paradas antes de la suya.",
      one: "Queda una parada antes de la suya.",
      none: "La suya es la siguiente.",
    },
    minutesAway: {
      subject: "{what}: llegamos en unos {n} minutos",
      body: "Llegaremos en unos {n} minutos.",
      one: "Llegaremos en un minuto, más o menos.",
    },
    arrived: { subject: "{what}: hemos llegado", body: "Ya estamos aquí." },
    delivered: { subject: "{what}: completado", body: "Todo listo. ¡Gracias!" },
    failed: { subject: "{what}: no ha sido posible", body: "Lamentablemente, esta vez no ha sido posible." },
    delayed: { subject: "{what}: con retraso", body: "Llegaremos más tarde de lo prometido; le pedimos disculpas." },
  },
  window: "Previsto entre las {from} y las {to}.",
  latest: "Como muy tarde a las {time}.",
  follow: "Seguir en directo",
  support: "¿Preguntas?",
};

const FR: MessageTexts = {
  triggers: {
    routeStarted: { subject: "{what} : en route aujourd’hui", body: "Notre véhicule est parti." },
    stopsAway: {
      subject: "{what} : bientôt chez vous",
      body: "Il reste {n} arrêts avant le vôtre.",
      one: "Il reste un arrêt avant le vôtre.",
      none: "Vous êtes le prochain arrêt.",
    },
    minutesAway: {
      subject: "{what} : dans environ {n} minutes",
      body: "Nous serons chez vous dans environ {n} minutes.",
      one: "Nous serons chez vous dans une minute environ.",
    },
    arrived: { subject: "{what} : nous sommes là", body: "Nous sommes arrivés." },
    delivered: { subject: "{what} : c’est fait", body: "C’est fait. Merci !" },
    failed: { subject: "{what} : cela n’a pas abouti", body: "Malheureusement, cela n’a pas abouti cette fois." },
    delayed: { subject: "{what} : du retard", body: "Nous arriverons plus tard que promis, veuillez nous excuser." },
  },
  window: "Prévu entre {from} et {to}.",
  latest: "Au plus tard à {time}.",
  follow: "Suivre en direct",
  support: "Des questions ?",
};

/** By the language of the tracking page's texts. */
export const MESSAGE_TEXTS: Readonly<Record<string, MessageTexts>> = { en: EN, de: DE, es: ES, fr: FR };
